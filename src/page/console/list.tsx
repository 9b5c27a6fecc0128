import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Polled } from "./polled.ts";
import { clip, plain } from "./text.ts";

/** A name that somebody chose: it may hold anything, and is shown as text that turns nothing around. */
export function Name({ of, most }: { of: string; most?: number }) {
  const shown = clip(of, most);
  return (
    <bdi class="name" title={shown === plain(of) ? undefined : clip(of, 500)}>
      {shown}
    </bdi>
  );
}

/** A device: the user, and which of the user's devices. */
export function DeviceName({ user, device }: { user: string; device?: string | undefined }) {
  return (
    <span class="device-name">
      <Name of={user} />
      {device !== undefined && (
        <span class="muted">
          {" / "}
          <Name of={device} most={16} />
        </span>
      )}
    </span>
  );
}

/** A column of a list: its heading, and what it shows of an entry. */
type Column<T> = readonly [heading: string, cell: (entry: T) => ComponentChildren, look?: "number" | "wide"];

interface ListProps<T> {
  readonly label: string;
  readonly entries: readonly T[];
  readonly keyOf: (entry: T) => string;
  readonly columns: readonly Column<T>[];
  /** Buttons at the end of a row. */
  readonly actions?: false | ((entry: T) => ComponentChildren);
}

/** A table; on a phone each row becomes a card that names its columns. */
export function List<T>({ label, entries, keyOf, columns, actions }: ListProps<T>) {
  return (
    <table class="list" aria-label={label}>
      <thead>
        <tr>
          {columns.map(([heading, , look]) => (
            <th key={heading} scope="col" class={look}>
              {heading}
            </th>
          ))}
          {actions && (
            <th scope="col">
              <span class="sr">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={keyOf(entry)}>
            {columns.map(([heading, cell, look]) => (
              <td key={heading} class={look}>
                <span class="heading" aria-hidden="true">
                  {heading}
                </span>
                <span class="cell">{cell(entry)}</span>
              </td>
            ))}
            {actions && (
              <td class="acts">
                <span>{actions(entry)}</span>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is shown of an answer: why there is none, that it is waited for, or that it is empty. */
export function Answered<T>({
  polled,
  empty,
  isEmpty,
  children,
}: {
  polled: Polled<T>;
  empty: ComponentChildren;
  isEmpty: (value: T) => boolean;
  children: (value: T) => ComponentChildren;
}) {
  if (polled.problem !== undefined) return <p class="blank">{polled.problem}</p>;
  if (polled.value === undefined) return <p class="blank muted">Asking the server…</p>;
  if (isEmpty(polled.value)) return <div class="blank muted">{empty}</div>;
  return <>{children(polled.value)}</>;
}

/** The heading of a section, with what belongs beside it. */
export function Title({ children, beside }: { children: ComponentChildren; beside?: ComponentChildren }) {
  return (
    <div class="section-head">
      <h1 class="title">{children}</h1>
      {beside}
    </div>
  );
}

/** Nodes that did not answer: what they hold is missing. */
export function Partial({ nodes }: { nodes: readonly string[] | undefined }) {
  if (nodes === undefined || nodes.length === 0) return null;
  return <p class="warning">No answer from {nodes.join(", ")}: what they hold is missing here.</p>;
}

/** Onwards and back to the start of a long list. */
export function Pager({ next, cursor }: { next: string | undefined; cursor: Signal<string | undefined> }) {
  if (next === undefined && cursor.value === undefined) return null;
  const go = (to: string | undefined) => () => {
    cursor.value = to;
  };
  return (
    <nav class="pager" aria-label="Pages">
      {cursor.value !== undefined && (
        <button type="button" class="button small" onClick={go(undefined)}>
          First page
        </button>
      )}
      {next !== undefined && (
        <button type="button" class="button small" onClick={go(next)}>
          Next page
        </button>
      )}
    </nav>
  );
}

/** A field that narrows a list. */
export function Filter({
  label,
  value,
  set,
}: {
  label: string;
  value: string | undefined;
  set: (value: string) => void;
}) {
  return (
    <label class="filter">
      <span>{label}</span>
      <input
        class="input"
        type="search"
        value={value ?? ""}
        autocapitalize="none"
        autocomplete="off"
        spellcheck={false}
        onChange={(event) => set(event.currentTarget.value.trim())}
      />
    </label>
  );
}

/** A field with few values. */
export function Choice({
  label,
  value,
  values,
  set,
}: {
  label: string;
  value: string | undefined;
  values: readonly (readonly [value: string, text: string])[];
  set: (value: string) => void;
}) {
  return (
    <label class="filter">
      <span>{label}</span>
      <select class="input" value={value ?? ""} onChange={(event) => set(event.currentTarget.value)}>
        {values.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
