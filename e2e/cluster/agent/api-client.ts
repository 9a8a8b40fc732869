/** A small client of the Kubernetes API over node:https: the library's would cost each agent 40 MB. */
import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';

export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

export interface ApiClientOptions {
  /** `https://host:port` */
  url: string;
  /** Paths of PEM files. */
  ca: string;
  cert: string;
  key: string;
}

export type PatchType = 'merge' | 'strategic-merge' | 'json';

const TIMEOUT_MS = 15_000;

export class ApiClient {
  readonly #base: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8, timeout: 60_000 });

  constructor(options: ApiClientOptions) {
    const url = new URL(options.url);
    this.#base = {
      host: url.hostname,
      port: url.port,
      ca: readFileSync(options.ca),
      cert: readFileSync(options.cert),
      key: readFileSync(options.key),
    };
  }

  get<T>(path: string): Promise<T> {
    return this.#call('GET', path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#call('POST', path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#call('PUT', path, body);
  }

  patch<T>(path: string, type: PatchType, body: unknown): Promise<T> {
    return this.#call('PATCH', path, body, `application/${type}-patch+json`);
  }

  delete<T>(path: string, body?: unknown): Promise<T> {
    return this.#call('DELETE', path, body);
  }

  /** Undefined instead of a 404. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Opens a stream of JSON lines and calls `onLine` with each value. Resolves when the server ends the stream, rejects
   * when it breaks, answers an error, or stays silent for `idleMs`.
   */
  stream(path: string, onLine: (value: unknown) => void, idleMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = request({ ...this.#base, path, agent: false, signal }, (answer) => {
        answer.setEncoding('utf8');
        let rest = '';
        const failed = answer.statusCode !== 200;
        answer.on('data', (chunk: string) => {
          rest += chunk;
          if (failed) return;
          const lines = rest.split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) if (line) onLine(JSON.parse(line));
        });
        answer.on('end', () => (failed ? reject(errorOf(answer.statusCode ?? 0, rest)) : resolve()));
        answer.on('error', reject);
      });
      call.setTimeout(idleMs, () => call.destroy(new ApiError(0, `silent for ${idleMs} ms`)));
      call.on('error', reject);
      call.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #call<T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const data = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      data === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(data) };
    return new Promise((resolve, reject) => {
      const call = request({ ...this.#base, method, path, headers, agent: this.#agent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(JSON.parse(text) as T);
          else reject(errorOf(status, text));
        });
      });
      call.setTimeout(TIMEOUT_MS, () => call.destroy(new ApiError(0, `no answer in ${TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.end(data);
    });
  }
}

function errorOf(status: number, text: string): ApiError {
  let message = text.slice(0, 300);
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? message;
  } catch {
    // Not the API server's own words.
  }
  return new ApiError(status, message);
}
