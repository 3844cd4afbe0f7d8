/** A followed event stream: reconnects by itself, resumes where it was, says how it is doing. */
import { problemOf } from '../api/client';
import { type SseMessage, SseParser } from './sse';

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'reconnecting'; since: number }
  | { state: 'offline'; since: number; retryAt: number };

export interface FollowOptions {
  /** The URL for this attempt; the cursor goes into `after` so that the first attempt resumes too. */
  url: (cursor: string | null) => string;
  cursor: string | null;
  onMessage: (message: SseMessage) => void;
  onConnection?: (connection: Connection) => void;
  /** Lets the connection go while nobody looks: a browser has only six for one daemon. */
  restWhenHidden?: boolean;
  /** The daemon refused (signed out, gone): following stops. */
  onRefused?: (status: number) => void;
}

/** The daemon sends a heartbeat every 15 s; after this long without a byte the line is dead. */
const SILENCE_MS = 40_000;
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 15_000;
/** A restart of the daemon takes a moment: call it offline only after this long. */
const OFFLINE_AFTER_MS = 5_000;
/** A glance at another tab is not worth a new connection. */
const REST_AFTER_MS = 30_000;

export function retryDelay(attempt: number, random: number): number {
  const full = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  return Math.round(full * (0.75 + random * 0.5));
}

export interface Following {
  stop: () => void;
  /** After a reset the caller reads everything again and says where to go on. */
  moveTo: (cursor: string | null) => void;
}

export function follow(options: FollowOptions): Following {
  let stopped = false;
  let cursor = options.cursor;
  let attempt = 0;
  let lostAt: number | null = null;
  let abort = new AbortController();
  let wake: (() => void) | null = null;

  const say = (connection: Connection) => options.onConnection?.(connection);
  const retryNow = () => {
    attempt = 0;
    wake?.();
  };
  let resting = false;
  let restTimer: ReturnType<typeof setTimeout> | undefined;
  const onVisible = () => {
    clearTimeout(restTimer);
    if (document.visibilityState === 'visible') {
      resting = false;
      retryNow();
    } else if (options.restWhenHidden) {
      restTimer = setTimeout(() => {
        resting = true;
        abort.abort();
      }, REST_AFTER_MS);
    }
  };
  window.addEventListener('online', retryNow);
  document.addEventListener('visibilitychange', onVisible);

  async function once(): Promise<'refused' | 'lost'> {
    const controller = new AbortController();
    abort = controller;
    let watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (cursor) headers['last-event-id'] = cursor;
      const response = await fetch(options.url(cursor), {
        headers,
        signal: controller.signal,
        credentials: 'same-origin',
        cache: 'no-store',
      });
      if (response.status === 401 || response.status === 404) {
        await problemOf(response);
        options.onRefused?.(response.status);
        return 'refused';
      }
      if (!response.ok || !response.body) return 'lost';
      lostAt = null;
      attempt = 0;
      say({ state: 'live' });
      const parser = new SseParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || stopped || controller.signal.aborted) return 'lost';
        clearTimeout(watchdog);
        watchdog = setTimeout(() => controller.abort(), SILENCE_MS);
        for (const message of parser.push(value)) {
          if (message.id) cursor = message.id;
          options.onMessage(message);
        }
      }
    } catch {
      return 'lost';
    } finally {
      clearTimeout(watchdog);
      controller.abort();
    }
  }

  async function run() {
    say({ state: 'connecting' });
    while (!stopped) {
      if ((await once()) === 'refused' || stopped) return;
      if (resting) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      lostAt ??= Date.now();
      const delay = retryDelay(attempt++, Math.random());
      say(
        Date.now() - lostAt < OFFLINE_AFTER_MS
          ? { state: 'reconnecting', since: lostAt }
          : { state: 'offline', since: lostAt, retryAt: Date.now() + delay },
      );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = null;
    }
  }
  void run();

  return {
    stop: () => {
      stopped = true;
      clearTimeout(restTimer);
      abort.abort();
      wake?.();
      window.removeEventListener('online', retryNow);
      document.removeEventListener('visibilitychange', onVisible);
    },
    moveTo: (to) => {
      cursor = to;
      abort.abort();
    },
  };
}
