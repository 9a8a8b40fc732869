/** One attempt of a probe or hook: HTTP, TCP or a command. */
import { execFile } from 'node:child_process';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createConnection } from 'node:net';
import type { Container, Handler, HttpGet } from './kube.ts';

export interface ProbeTarget {
  /** The Pod's address. */
  host: string;
  /** The node's address, which the attempt comes from. */
  from: string;
  container: Container;
  /** The command line that runs `argv` beside the container, and its environment. */
  beside(argv: readonly string[]): { command: string; args: string[]; env: Record<string, string> };
}

export interface Attempt {
  succeeded: boolean;
  /** Why not. */
  message: string;
}

const failure = (message: string): Attempt => ({ succeeded: false, message });
const SUCCESS: Attempt = { succeeded: true, message: '' };

export function attempt(handler: Handler, target: ProbeTarget, timeoutMs: number): Promise<Attempt> {
  if (handler.httpGet) return httpGet(handler.httpGet, target, timeoutMs);
  if (handler.tcpSocket) return tcp(handler.tcpSocket, target, timeoutMs);
  if (handler.exec) return command(handler.exec.command, target, timeoutMs);
  if (handler.sleep) return pause(handler.sleep.seconds);
  return Promise.resolve(failure('the probe has no httpGet, tcpSocket or exec'));
}

/** A port's number, or that of the container's port of this name. */
function portOf(port: number | string, container: Container): number {
  const number = typeof port === 'number' ? port : container.ports?.find((one) => one.name === port)?.containerPort;
  return number ?? Number(port);
}

function httpGet(get: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<Attempt> {
  const headers = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host: get.host || target.host,
    port: portOf(get.port, target.container),
    path: get.path || '/',
    localAddress: target.from,
    agent: false,
    rejectUnauthorized: false,
    headers: { 'user-agent': 'kube-probe/1.34', connection: 'close', ...headers },
  };
  const request = get.scheme === 'HTTPS' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const call = request(options, (answer) => {
      const status = answer.statusCode ?? 0;
      answer.resume();
      answer.on('error', () => {});
      resolve(status >= 200 && status < 400 ? SUCCESS : failure(`HTTP probe failed with statuscode: ${status}`));
    });
    // A deadline for the whole attempt, not for silence on the socket.
    const timer = setTimeout(() => call.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    call.on('error', (error) => resolve(failure(error.message)));
    call.on('close', () => clearTimeout(timer));
    call.end();
  });
}

function tcp(socket: NonNullable<Handler['tcpSocket']>, target: ProbeTarget, timeoutMs: number): Promise<Attempt> {
  return new Promise((resolve) => {
    const connection = createConnection({
      host: socket.host || target.host,
      port: portOf(socket.port, target.container),
      localAddress: target.from,
    });
    const settle = (result: Attempt): void => {
      clearTimeout(timer);
      connection.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle(failure(`no connection in ${timeoutMs} ms`)), timeoutMs);
    connection.once('connect', () => settle(SUCCESS));
    connection.once('error', (error) => settle(failure(error.message)));
  });
}

function command(argv: readonly string[], target: ProbeTarget, timeoutMs: number): Promise<Attempt> {
  const { command, args, env } = target.beside(argv);
  return new Promise((resolve) => {
    execFile(command, args, { timeout: timeoutMs, killSignal: 'SIGKILL', env }, (error, stdout, stderr) => {
      resolve(error ? failure(`${error.message}: ${(stdout + stderr).slice(0, 200)}`) : SUCCESS);
    });
  });
}

function pause(seconds: number): Promise<Attempt> {
  return new Promise((resolve) => setTimeout(() => resolve(SUCCESS), seconds * 1000));
}
