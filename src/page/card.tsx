import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";
import { type LineState, Parties } from "./user-badge.tsx";

/** What a card offers: label, action, look and icon. */
export type Choice = readonly [
  label: string,
  press: () => void,
  look?: "primary" | "yes" | "no" | "quiet" | undefined,
  icon?: IconName,
];

interface CardProps {
  readonly from: string;
  readonly to: string;
  readonly line: LineState;
  readonly title: string;
  readonly text?: ComponentChildren;
  readonly choices: readonly (Choice | false)[];
  /** Shown instead of the two parties. */
  readonly instead?: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** What is shown where there is no picture: the two parties, one sentence, the choices. */
export function Card({ from, to, line, title, text, choices, instead, children }: CardProps) {
  return (
    <section class="stage card" aria-label={title}>
      {instead ?? <Parties from={from} to={to} line={line} />}
      <h1 class="title">{title}</h1>
      <p class="muted">{text}</p>
      <Choices choices={choices} />
      {children}
    </section>
  );
}

function Choices({ choices }: { choices: readonly (Choice | false)[] }) {
  return (
    <div class="actions">
      {choices.map(
        (choice) =>
          choice && (
            <button key={choice[0]} type="button" class={`button ${choice[2] ?? ""}`} onClick={choice[1]}>
              {choice[3] && <Icon name={choice[3]} />}
              {choice[0]}
            </button>
          ),
      )}
    </div>
  );
}
