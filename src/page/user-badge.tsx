/** A socket of the board: who sits at it. */
export function UserBadge({ user, lit = false }: { user: string; lit?: boolean }) {
  return (
    <span class={lit ? "user-badge lit" : "user-badge"} aria-hidden="true">
      <span>{initial(user)}</span>
    </span>
  );
}

/** How the cord between two sockets lies. */
export type CordState = "loose" | "ringing" | "held" | "broken";

/** Two sockets and the cord between them. */
export function Board({ from, to, cord }: { from: string; to: string; cord: CordState }) {
  const lit = cord === "held" || cord === "ringing";
  return (
    <div class={`board ${cord}`} aria-hidden="true">
      <UserBadge user={from} lit />
      <span class="track">
        <span class="cord" />
      </span>
      <UserBadge user={to} lit={lit} />
    </div>
  );
}

/** The first letter, whatever script it is in. */
export function initial(user: string): string {
  const [first] = user.trim();
  return first === undefined ? "?" : first.toLocaleUpperCase();
}
