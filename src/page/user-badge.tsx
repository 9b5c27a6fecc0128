/** A user, as the first letter of the name in a circle. */
export function UserBadge({ user, lit = false }: { user: string; lit?: boolean }) {
  return (
    <span class={lit ? "user-badge lit" : "user-badge"} aria-hidden="true">
      <span>{initial(user)}</span>
    </span>
  );
}

/** How the line between the two parties of a call is drawn. */
export type LineState = "idle" | "ringing" | "connected" | "broken";

/** The two parties of a call and the line between them. */
export function Parties({ from, to, line }: { from: string; to: string; line: LineState }) {
  const lit = line === "connected" || line === "ringing";
  return (
    <div class={`parties ${line}`} aria-hidden="true">
      <UserBadge user={from} lit />
      <span class="track">
        <span class="link-line" />
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
