import { createServer, type Server, type Socket } from 'node:net';
import { signWithLogin, type SshLogin } from '../../vault/credentials/ssh-certificate.js';
import { readSsh, sshString, sshUint32 } from '../../vault/credentials/ssh-wire.js';

// Numbers of draft-miller-ssh-agent, section 5.
const REQUEST_IDENTITIES = 11;
const SIGN_REQUEST = 13;
const FAILURE = Buffer.from([5]);
const IDENTITIES_ANSWER = Buffer.from([12]);
const SIGN_RESPONSE = Buffer.from([14]);

// Of one message: far above the largest certificate that Vault is asked for.
const MESSAGE_BYTES = 262_144;

/**
 * An SSH agent with one key, for one login, at a socket: the private key stays in this process's memory, where a file
 * would have to be removed again. It signs once; a second login needs a second certificate.
 */
export async function startAgent(path: string, login: SshLogin): Promise<{ close(): Promise<void> }> {
  const certificate = Buffer.from(login.certificate, 'base64');
  let isSpent = false;
  const answer = (message: Buffer): Buffer => {
    if (message[0] === REQUEST_IDENTITIES)
      return Buffer.concat([IDENTITIES_ANSWER, sshUint32(1), sshString(certificate), sshString('countersign')]);
    if (message[0] !== SIGN_REQUEST || isSpent) return FAILURE;
    const reader = readSsh(message.subarray(1));
    if (!reader.string().equals(certificate)) return FAILURE;
    isSpent = true;
    const signature = Buffer.concat([sshString('ssh-ed25519'), sshString(signWithLogin(login, reader.string()))]);
    return Buffer.concat([SIGN_RESPONSE, sshString(signature)]);
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // the client is gone: it says so itself
    serve(socket, answer);
  });
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket, answer: (message: Buffer) => Buffer): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const length = held.readUInt32BE();
      if (length > MESSAGE_BYTES) {
        socket.destroy();
        return;
      }
      if (held.length < 4 + length) return;
      const message = held.subarray(4, 4 + length);
      held = held.subarray(4 + length);
      try {
        socket.write(sshString(answer(message)));
      } catch {
        socket.destroy(); // malformed: no client of ours sends it
      }
    }
  });
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
