import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { infraPrograms } from './infra.js';

const run = promisify(execFile);

/** Repositories behind https and a password, by git's own `http-backend`. */
export interface PrivateGit {
  /** `127.0.0.1:<port>` */
  host: string;
  /** PEM of its certificate, which is its own authority. */
  authorityFile: string;
  keyFile: string;
  /** The `Authorization` headers that came, oldest first. */
  seen: string[];
  close(): Promise<void>;
}

export interface PrivateGitOptions {
  /** For key and certificate. */
  folder: string;
  /** Every folder below it is a repository. */
  root: string;
  username: string;
  password: string;
  /** Where to send whoever asks for `/moved/…`, e.g. `https://127.0.0.1:1`. */
  movedTo?: string;
  /** Default: one of its own is made. */
  certificateOf?: PrivateGit;
}

export async function startPrivateGit(options: PrivateGitOptions): Promise<PrivateGit> {
  const { keyFile, authorityFile } = options.certificateOf ?? (await makeCertificate(options.folder));
  const { git } = infraPrograms();
  const backend = join((await run(git, ['--exec-path'])).stdout.trim(), 'git-http-backend');
  const expected = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
  const seen: string[] = [];
  const server = createServer(
    { key: await readFile(keyFile), cert: await readFile(authorityFile) },
    (request, response) => {
      const { authorization } = request.headers;
      if (authorization !== undefined) seen.push(authorization);
      if (request.url?.startsWith('/moved/') === true && options.movedTo !== undefined) {
        response.writeHead(302, { location: `${options.movedTo}${request.url.slice('/moved'.length)}` }).end();
      } else if (authorization === expected) serve(request, response, { backend, root: options.root });
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' }).end();
    },
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${String(port)}`,
    authorityFile,
    keyFile,
    seen,
    close: () => close(server),
  };
}

async function makeCertificate(folder: string): Promise<{ keyFile: string; authorityFile: string }> {
  const [keyFile, authorityFile] = [join(folder, 'git.key'), join(folder, 'git.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-nodes'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', keyFile];
  await run('openssl', ['req', '-x509', ...key, '-out', authorityFile, ...subject]);
  return { keyFile, authorityFile };
}

/** CGI (RFC 3875): headers, an empty line, the body. */
function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { backend, root }: { backend: string; root: string },
) {
  const url = new URL(request.url ?? '/', 'https://localhost');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const child = spawn(backend, {
    env: {
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH: '/usr/bin:/bin',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      HTTP_GIT_PROTOCOL: header('git-protocol'),
      REMOTE_USER: 'reader',
    },
  });
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.once('close', () => {
    const answer = Buffer.concat(parts);
    const end = answer.indexOf('\r\n\r\n');
    const headers = answer
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]);
    const status = Number.parseInt(headers.find(([name]) => name === 'Status')?.[1] ?? '200', 10);
    response.writeHead(status, Object.fromEntries(headers)).end(answer.subarray(end + 4));
  });
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
