/** A run's events as a conversation: each tool call with its result, each text once. */
import type { RunDetail } from '../api/model';

interface At {
  key: string;
  at: string;
}

export type Step = At &
  (
    | { type: 'prompt' | 'text'; text: string }
    | {
        type: 'thinking' | 'plan' | 'question' | 'warning' | 'retry' | 'raw' | 'note';
        text: string;
      }
    | {
        type: 'milestone' | 'progress' | 'blocker' | 'finding' | 'review_request';
        text: string;
        /** 0 to 100. */
        progress: number | null;
        file: string | null;
      }
    | {
        type: 'tool';
        name: string;
        input: unknown;
        result: { output: string; is_error: boolean } | null;
      }
    | { type: 'ended'; ok: boolean; text: string }
  );

export function conversation(run: Pick<RunDetail, 'prompt' | 'created_at' | 'stream'>): Step[] {
  const steps: Step[] = [{ key: 'prompt', at: run.created_at, type: 'prompt', text: run.prompt }];
  const calls = new Map<string, Extract<Step, { type: 'tool' }>>();
  for (const event of run.stream) {
    const base = { key: String(event.seq), at: event.at };
    switch (event.type) {
      case 'text':
      case 'thinking':
      case 'question':
        steps.push({ ...base, type: event.type, text: event.text });
        break;
      case 'milestone':
      case 'progress':
      case 'blocker':
      case 'finding':
      case 'review_request':
        steps.push({
          ...base,
          type: event.type,
          text: event.severity ? `${event.text} (${event.severity})` : event.text,
          progress: event.progress ?? null,
          file: event.file ?? null,
        });
        break;
      case 'plan':
        steps.push({ ...base, type: 'plan', text: event.items.map(planLine).join('\n') });
        break;
      case 'warning':
      case 'error':
        steps.push({ ...base, type: 'warning', text: event.message });
        break;
      case 'retry':
        steps.push({
          ...base,
          type: 'retry',
          text: [event.attempt && `attempt ${event.attempt}`, event.error]
            .filter(Boolean)
            .join(': '),
        });
        break;
      case 'tool_call': {
        const call: Extract<Step, { type: 'tool' }> = {
          ...base,
          type: 'tool',
          name: event.name,
          input: event.input,
          result: null,
        };
        calls.set(event.id, call);
        steps.push(call);
        break;
      }
      case 'tool_result': {
        const result = { output: event.output ?? '', is_error: event.is_error ?? false };
        const call = calls.get(event.id);
        if (call) call.result = result;
        else steps.push({ ...base, type: 'tool', name: 'Result', input: undefined, result });
        break;
      }
      case 'raw':
        steps.push({
          ...base,
          type: 'raw',
          text: [event.detail, event.preview].filter(Boolean).join('\n'),
        });
        break;
      case 'permission_request':
        steps.push({
          ...base,
          type: 'question',
          text: `May it use ${event.tool}? ${event.reason ?? ''}`.trim(),
        });
        break;
      case 'permission_denied':
        steps.push({
          ...base,
          type: 'warning',
          text: `${event.tool} was refused. ${event.message ?? ''}`.trim(),
        });
        break;
      case 'ended':
        steps.push({
          ...base,
          type: 'ended',
          ok: event.ok ?? false,
          text: event.error ?? event.summary ?? '',
        });
        break;
      // The head and the side of the page show these.
      case 'usage':
      case 'model_call':
      case 'started':
      case 'file_change':
        break;
      default: {
        const { type } = event as { type: string };
        steps.push({ ...base, type: 'note', text: type });
      }
    }
  }
  return steps;
}

function planLine({ text, status }: { text: string; status: string }): string {
  const mark = status === 'completed' ? '✓' : status === 'in_progress' ? '→' : '○';
  return `${mark} ${text}`;
}

/** The one value of a tool's input that tells most. */
export function gist(input: unknown): string {
  if (typeof input === 'string') return input.split('\n', 1)[0] ?? '';
  if (typeof input !== 'object' || input === null) return '';
  const fields = input as Record<string, unknown>;
  for (const key of ['command', 'file_path', 'path', 'pattern', 'query', 'url', 'description']) {
    if (typeof fields[key] === 'string') return fields[key].split('\n', 1)[0] ?? '';
  }
  const first = Object.values(fields).find((value) => typeof value === 'string');
  return typeof first === 'string' ? (first.split('\n', 1)[0] ?? '') : '';
}
