/** Reads the text/event-stream format: bytes arrive in any pieces, whole messages come out. */

export interface SseMessage {
  id: string;
  event: string;
  data: string;
}

export class SseParser {
  private buffer = '';
  private started = false;
  private id = '';
  private event = '';
  private data: string[] = [];

  /** The last id seen, as `Last-Event-ID` wants it. */
  get lastId(): string {
    return this.id;
  }

  push(chunk: string): SseMessage[] {
    let text = this.buffer + chunk;
    if (!this.started && text.length > 0) {
      this.started = true;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    const messages: SseMessage[] = [];
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text[i];
      if (char !== '\n' && char !== '\r') continue;
      // A carriage return at the very end may be half of a pair: wait for the rest.
      if (char === '\r' && i + 1 === text.length) break;
      const message = this.line(text.slice(start, i));
      if (message) messages.push(message);
      if (char === '\r' && text[i + 1] === '\n') i++;
      start = i + 1;
    }
    this.buffer = text.slice(start);
    return messages;
  }

  private line(line: string): SseMessage | null {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return null;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    return null;
  }

  private dispatch(): SseMessage | null {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    if (data.length === 0) return null;
    return { id: this.id, event: event || 'message', data: data.join('\n') };
  }
}
