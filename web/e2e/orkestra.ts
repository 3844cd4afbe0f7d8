/** Starts the real `orkestra` in a folder of its own, and ends it by its process id. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';

const START_MS = 20_000;
const STOP_MS = 20_000;

/** Counts up in a file, so that numbers go on after a restart, whenever it is killed. */
const TICKER = `#!/bin/sh
n=$(cat "$1" 2>/dev/null || echo 0)
while :; do
  n=$((n + 1))
  echo "$n" > "$1.new" && mv "$1.new" "$1"
  echo "tick $n"
  if [ $((n % 5)) -eq 0 ]; then echo "warn $n" >&2; fi
  sleep 0.1
done
`;

/** Works now and then, so that there is something to measure. */
const BUSY = `#!/bin/sh
while :; do
  n=0
  while [ $n -lt 15000 ]; do n=$((n + 1)); done
  sleep 0.2
done
`;

/** A script agent: says something, uses a tool for as long as the test holds it, ends. */
const AGENT = `#!/bin/sh
cat > /dev/null
echo '{"type":"text","text":"I will look at the folder first."}'
echo '{"type":"tool_call","id":"t1","name":"Bash","input":{"command":"ls -la"}}'
while [ -e "$1" ]; do sleep 0.1; done
echo '{"type":"tool_result","id":"t1","output":"README.md from the test","is_error":false}'
echo 'README.md' > seen.txt
echo '{"type":"ended","ok":true,"summary":"All of it is done."}'
`;

/** Another one: writes a file, asks whether it may push, and says what it cost. */
const ASKER = `#!/bin/sh
cat > /dev/null
echo '{"type":"text","text":"I will write the notes, then push them."}'
echo 'The notes of this run.' > notes.txt
echo '{"type":"usage","model":"demo-1","fresh_input":1200,"cache_read":300,"cache_write":0,"output":250,"cost_usd":0.042}'
echo '{"type":"tool_call","id":"p1","name":"Bash","input":{"command":"git push origin main"}}'
if echo '{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"p1","tool_input":{"command":"git push origin main"}}' \\
  | "$1" agent-hook --vendor script > /dev/null; then
  echo '{"type":"tool_result","id":"p1","output":"pushed by the test","is_error":false}'
else
  echo '{"type":"tool_result","id":"p1","output":"refused","is_error":true}'
fi
echo '{"type":"ended","ok":true,"summary":"The notes are written and pushed."}'
`;

/**
 * An agent that plans, looks at plans, reviews and writes files, as the prompt tells it. Answers lie on a
 * desk; while the desk holds a kind of work, it waits.
 */
const MATE = `#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *"Divide the goal below into tasks"*) kind=plan ;;
  *"Say what you think of the plan"*) kind=comment ;;
  *"Another agent did the work below"*) kind=review ;;
  *) kind=work ;;
esac
while [ -e "$DESK/hold.$kind" ]; do sleep 0.1; done
echo '{"type":"usage","fresh_input":1000,"output":100,"cost_usd":0.01}'
if [ "$kind" = work ]; then
  printf '%s\\n' "$prompt" | sed -n 's/^.*DO write \\([^ ]*\\) \\(.*\\)$/\\1 \\2/p' | while read -r path words; do
    printf '%s\\n' "$words" > "$path"
  done
  echo '{"type":"ended","ok":true,"summary":"It is written."}'
  exit 0
fi
cat "$DESK/$kind"
`;

/** As an agent says JSON: in a fenced block. */
const said = (value: unknown) =>
  `${JSON.stringify({ type: 'text', text: `As asked:\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\`` })}\n`;

const planned = (key: string, agent: string, depends: string[]) => ({
  key,
  title: `The ${key}`,
  prompt: `DO write ${key}.txt made by the task ${key}`,
  role: 'code_writer_implementer',
  agent,
  depends,
  deliverables: [`${key}.txt`],
  phase: depends.length > 0 ? 'features' : 'foundation',
});

const PLAN = {
  summary: 'First the ground, then what stands on it.',
  tasks: [
    planned('ground', 'ann', []),
    planned('walls', 'bob', ['ground']),
    planned('garden', 'cy', ['ground']),
  ],
};

/** Runs need a repository with a commit; who commits is nobody's configuration but this one's. */
function git(folder: string, ...words: string[]) {
  const who = ['-c', 'user.name=Orkestra', '-c', 'user.email=orkestra@example.invalid'];
  execFileSync('git', ['-C', folder, ...who, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
  });
}

function binary(): string {
  const path = process.env.ORKESTRA_BIN;
  if (!path) throw new Error('ORKESTRA_BIN must be the path of the orkestra binary');
  return path;
}

export class Orkestra {
  readonly folder = mkdtempSync(join(tmpdir(), 'orkestra-e2e-'));
  readonly target = join(this.folder, 'project');
  private readonly held = join(this.folder, 'held');
  private readonly desk = join(this.folder, 'desk');
  private readonly env = {
    PATH: process.env.PATH,
    HOME: this.folder,
    TMPDIR: process.env.TMPDIR,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
  };
  private child: ChildProcess | null = null;
  private output = '';
  port = 0;

  constructor() {
    mkdirSync(this.target);
    writeFileSync(join(this.target, 'README.md'), '# A project\n');
    git(this.target, 'init', '--quiet', '--initial-branch=main');
    git(this.target, 'add', '.');
    git(this.target, 'commit', '--quiet', '--message=Begin');
    mkdirSync(join(this.folder, 'home'), { mode: 0o700 });
    const script = (name: string, text: string) => {
      const path = join(this.folder, name);
      writeFileSync(path, text);
      chmodSync(path, 0o755);
      return path;
    };
    const ticker = script('ticker.sh', TICKER);
    const agent = script('agent.sh', AGENT);
    const asker = script('asker.sh', ASKER);
    const busy = script('busy.sh', BUSY);
    const mate = script('mate.sh', MATE);
    mkdirSync(this.desk);
    writeFileSync(join(this.desk, 'plan'), said(PLAN));
    writeFileSync(join(this.desk, 'comment'), said({ agrees: true, suggestions: [] }));
    const approved = { summary: 'It does what was asked for.', issues: [], recommendations: [] };
    writeFileSync(join(this.desk, 'review'), said({ verdict: 'approved', ...approved }));
    const crew = (name: string) => ({
      kind: 'script',
      command: [mate],
      env: { NAME: name, DESK: this.desk },
    });
    const config = {
      units: {
        ticker: { command: [ticker, join(this.folder, 'count')], stop: { grace: '1s' } },
        sleeper: { command: ['sleep', '1000000'] },
        busy: {
          command: [busy],
          after: { sleeper: 'started' },
          limits: { memory: '100MB' },
          probes: {
            ready: { exec: ['true'] },
            live: { exec: ['test', '-e', busy], every: '1s', timeout: '5s' },
          },
        },
        quitter: {
          command: ['false'],
          enabled: false,
          after: { busy: 'ready' },
          restart: { profile: 'few', initial: '100ms', max: '200ms' },
        },
        crasher: { command: ['false'], restart: { initial: '20s', max: '60s' } },
      },
      jobs: {
        hello: { every: '1h', command: 'echo hello from the job' },
        broken: { cron: '30 2 * * *', zone: 'Europe/Berlin', command: 'echo it broke >&2; exit 3' },
      },
      agents: {
        helper: { kind: 'script', command: [agent, this.held] },
        asker: { kind: 'script', command: [asker, binary()] },
        ann: crew('ann'),
        bob: crew('bob'),
        cy: crew('cy'),
      },
      sandbox: { write: [this.desk] },
      tasks: { retry: { initial: '100ms', max: '200ms' } },
    };
    // JSON is YAML.
    writeFileSync(join(this.folder, 'orkestra.yaml'), JSON.stringify(config, null, 2));
  }

  /** Starts the daemon and gives the login link it prints. */
  async up(port = 0): Promise<string> {
    const child = spawn(
      binary(),
      [
        'up',
        '--home',
        join(this.folder, 'home'),
        '--config',
        join(this.folder, 'orkestra.yaml'),
        '--port',
        String(port),
      ],
      { cwd: this.target, stdio: ['ignore', 'pipe', 'pipe'], env: this.env },
    );
    this.child = child;
    this.output = '';
    return new Promise((resolve, reject) => {
      const give = () => reject(new Error(`orkestra up printed no link:\n${this.output}`));
      const timer = setTimeout(give, START_MS);
      const read = (chunk: Buffer) => {
        this.output += chunk;
        const link = /http:\/\/127\.0\.0\.1:(\d+)\/#login=[^\s]+/.exec(this.output);
        if (!link) return;
        clearTimeout(timer);
        this.port = Number(link[1]);
        resolve(link[0]);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('error', reject);
      child.once('exit', give);
    });
  }

  /** Ends the daemon: SIGTERM to its process id, nothing wider. */
  async down(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Lets all prompts of a kind wait (`plan`, `review`, `work`), or go on. */
  keep(kind: string, wait: boolean) {
    const path = join(this.desk, `hold.${kind}`);
    if (wait) writeFileSync(path, '');
    else rmSync(path, { force: true });
  }

  /** The agent's tool does not answer until it is released. */
  hold() {
    writeFileSync(this.held, '');
  }

  release() {
    rmSync(this.held);
  }

  /** A further login link, as a person gets it in a terminal. */
  another(): string {
    const words = ['dashboard', '--json', '--home', join(this.folder, 'home')];
    const answer = execFileSync(binary(), words, { encoding: 'utf8', env: this.env });
    return (JSON.parse(answer) as { url: string }).url;
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Worker {
  /** One daemon for all tests of a file. */
  orkestra: Orkestra;
  /** The login link it printed when it started. */
  link: string;
}

export const test = base.extend<object, Worker>({
  orkestra: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads fixtures from this pattern.
    async ({}, use) => {
      const orkestra = new Orkestra();
      await use(orkestra);
      await orkestra.remove();
    },
    { scope: 'worker' },
  ],
  link: [
    async ({ orkestra }, use) => {
      await use(await orkestra.up());
    },
    { scope: 'worker' },
  ],
});

/** The page follows the journal. */
export async function expectLive(page: Page) {
  await expect(page.getByTestId('connection')).toHaveAttribute('data-state', 'live');
}

export { expect };
