import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";
import { Board, type CordState } from "./user-badge.tsx";

/** What a card offers: words, deed, look, sign. */
export type Choice = readonly [
  label: string,
  press: () => void,
  look?: "brass" | "yes" | "no" | "quiet" | undefined,
  icon?: IconName,
];

interface CardProps {
  readonly from: string;
  readonly to: string;
  readonly cord: CordState;
  readonly title: string;
  readonly text?: ComponentChildren;
  readonly choices: readonly (Choice | false)[];
  /** Stands instead of the board. */
  readonly instead?: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** The stage when there is no picture: who and who, one sentence, what can be done. */
export function Card({ from, to, cord, title, text, choices, instead, children }: CardProps) {
  return (
    <section class="stage card" aria-label={title}>
      {instead ?? <Board from={from} to={to} cord={cord} />}
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
