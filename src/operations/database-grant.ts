export { databaseGrant as operation } from './database-grant/database-grant.js';
