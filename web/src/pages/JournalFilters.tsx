/** Filters as chips: topics, what the address asks for, and one field to add more. */
import { TextInput } from '@mantine/core';
import { IconFilter, IconX } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { JournalFilter } from '../api/queries';
import classes from './journal.module.css';

const topics = ['unit', 'run', 'job', 'alert', 'health', 'daemon', 'journal'];

interface Props {
  filter: JournalFilter;
  onChange: (values: Partial<Record<keyof JournalFilter, string | null>>) => void;
}

export function JournalFilters({ filter, onChange }: Props) {
  const [text, setText] = useState('');
  const add = (event: FormEvent) => {
    event.preventDefault();
    const value = text.trim();
    if (value === '') return;
    // `unit.exited` and `unit.*` are kinds; a word without a dot is a subject.
    onChange(/^[a-z_]+\.[a-z_*]+$/.test(value) ? { kind: value } : { subject: value });
    setText('');
  };
  return (
    <div className={classes.filters}>
      <fieldset className={classes.chips}>
        <legend className="hidden-text">Topic</legend>
        {topics.map((topic) => (
          <button
            key={topic}
            type="button"
            className={classes.chip}
            aria-pressed={filter.topic === topic}
            onClick={() => onChange({ topic: filter.topic === topic ? null : topic })}
          >
            {topic}
          </button>
        ))}
        {(['kind', 'subject'] as const).map(
          (name) =>
            filter[name] && (
              <button
                key={name}
                type="button"
                className={classes.chip}
                aria-pressed="true"
                aria-label={`${name} ${filter[name]}, remove this filter`}
                onClick={() => onChange({ [name]: null })}
              >
                <span className="dim">{name}</span> {filter[name]}
                <IconX size={13} aria-hidden />
              </button>
            ),
        )}
      </fieldset>
      <form onSubmit={add} className={classes.add}>
        <TextInput
          size="xs"
          aria-label="Filter by kind or subject"
          placeholder="unit.exited, unit.* or a name"
          leftSection={<IconFilter size={14} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </form>
    </div>
  );
}
