import { useSignal } from "@preact/signals";
import { momentText, shortText, spanText } from "./text.ts";

/** One line of a graph. */
interface Line {
  readonly name: string;
  readonly values: readonly number[];
}

interface GraphProps {
  readonly title: string;
  /** What stands large beside the title. */
  readonly now: string;
  /** When each value was. Unix ms. */
  readonly at: readonly number[];
  /** At most two: the second is drawn dashed. */
  readonly lines: readonly Line[];
  readonly unit?: string;
  /** The lines are of different kinds: each is drawn to a scale of its own. */
  readonly apart?: boolean;
}

const [width, height] = [300, 72];

/** The shortest time that a graph shows: right after a start the first values would fill it. ms */
const leastSpan = 300_000;

/** Values over the last hour. Pointing at it shows those of that moment; screen readers hear the last and the highest. */
export function Graph({ title, now, at, lines, unit = "", apart = false }: GraphProps) {
  const pointed = useSignal<number | undefined>(undefined);
  const end = at.at(-1) ?? 0;
  const span = Math.max(leastSpan, end - (at[0] ?? end));
  const all = Math.max(1, ...lines.flatMap(({ values }) => values));
  const x = (index: number) => width * (1 - (end - (at[index] ?? end)) / span);
  const path = (values: readonly number[]) => {
    const top = apart ? Math.max(1, ...values) : all;
    const y = (value: number) => height - 2 - (value / top) * (height - 6);
    return values
      .map((value, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
      .join("");
  };
  const index = Math.min(pointed.value ?? at.length - 1, at.length - 1);
  const moment = at[index];
  const said = lines
    .map(
      ({ name, values }) =>
        `${name}: ${shortText(values.at(-1) ?? 0)}${unit}, at most ${shortText(Math.max(0, ...values))}${unit}`,
    )
    .join("; ");
  return (
    <section class="tile" aria-label={title}>
      <h2>{title}</h2>
      <strong class="now">{now}</strong>
      <svg
        class="graph"
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title} in the last ${spanText(span)}. ${said}`}
        onPointerMove={(event) => {
          const { left, width: wide } = event.currentTarget.getBoundingClientRect();
          const share = Math.max(0, Math.min(1, (event.clientX - left) / wide));
          const moment = end - (1 - share) * span;
          pointed.value = Math.max(
            0,
            at.findLastIndex((one) => one <= moment),
          );
        }}
        onPointerLeave={() => {
          pointed.value = undefined;
        }}
      >
        <path class="base" d={`M0 ${height - 2}H${width}`} />
        {lines[0] !== undefined && at.length > 1 && (
          <path class="area" d={`${path(lines[0].values)}V${height - 2}H${x(0).toFixed(1)}Z`} />
        )}
        {lines.map(({ name, values }, number) => (
          <path key={name} class={`line line-${number}`} d={path(values)} />
        ))}
        {pointed.value !== undefined && <path class="pointer" d={`M${x(index).toFixed(1)} 0V${height}`} />}
      </svg>
      <p class="legend-line">
        {lines.map(({ name, values }, number) => (
          <span key={name} class={`key key-${number}`}>
            {name} <b>{shortText(values[index] ?? 0) + unit}</b>
          </span>
        ))}
        <time class="muted">
          {pointed.value === undefined || moment === undefined
            ? `last ${spanText(span)}`
            : momentText(moment, moment)}
        </time>
      </p>
    </section>
  );
}

/** Shares of a whole, the largest first. */
export function Bars({
  title,
  of,
  empty,
  href,
}: {
  title: string;
  of: readonly (readonly [name: string, value: number])[];
  empty: string;
  href?: (name: string) => string;
}) {
  const most = Math.max(1, ...of.map(([, value]) => value));
  const sorted = of.filter(([, value]) => value > 0).toSorted((one, other) => other[1] - one[1]);
  return (
    <section class="tile" aria-label={title}>
      <h2>{title}</h2>
      {sorted.length === 0 && <p class="muted small">{empty}</p>}
      <ul class="bars">
        {sorted.slice(0, 6).map(([name, value]) => (
          <li key={name}>
            <span class="bar" style={{ inlineSize: `${(100 * value) / most}%` }} aria-hidden="true" />
            {href === undefined ? <span>{name}</span> : <a href={href(name)}>{name}</a>}
            <b>{shortText(value)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
