export { sshCommand as operation } from './ssh-command/ssh-command.js';
