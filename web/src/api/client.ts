/** One door to the daemon: same origin, JSON in and out, problem+json as a typed error. */
import { noteServerTime } from '../live/clock';

export interface ConfigError {
  file: string;
  line: number | null;
  column: number | null;
  message: string;
  hint?: string | null;
}

/** What went wrong, in the daemon's words: code, cause, next step. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly title: string;
  readonly hint: string | null;
  readonly errors: ConfigError[];

  constructor(fields: {
    status: number;
    code?: string | null;
    title: string;
    detail?: string | null;
    hint?: string | null;
    errors?: ConfigError[];
  }) {
    super(fields.detail || fields.title);
    this.name = 'Problem';
    this.status = fields.status;
    this.code = fields.code ?? null;
    this.title = fields.title;
    this.hint = fields.hint ?? null;
    this.errors = fields.errors ?? [];
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({
    status: 0,
    title: 'Something broke in the dashboard',
    detail: String(error),
  });
}

const unreachable = () =>
  new Problem({
    status: 0,
    title: 'The daemon does not answer',
    detail: 'No connection to the Orkestra daemon.',
    hint: 'Start it with: orkestra up',
  });

type SignedOut = () => void;
let onSignedOut: SignedOut = () => {};

/** Called whenever the daemon answers 401, so that the login page can take over. */
export function whenSignedOut(callback: SignedOut) {
  onSignedOut = callback;
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = await response.json().catch(() => ({}));
  return new Problem({
    status: response.status,
    code: body.code,
    title: body.title ?? `The daemon answered ${response.status}`,
    detail: body.detail,
    hint: body.hint,
    errors: body.errors,
  });
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw unreachable();
  }
  noteServerTime(response.headers.get('date'));
  if (response.ok) return response;
  if (response.status === 401 && !path.endsWith('/login')) onSignedOut();
  throw await problemOf(response);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { signal, headers: { accept: 'application/json' } });
  return response.json();
}

/** `crypto.randomUUID` exists only in secure contexts; a phone on the home network is not one. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  const response = await send(path, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'idempotency-key': newKey(),
    },
    body: JSON.stringify(body ?? {}),
  });
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export function query(params: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}
