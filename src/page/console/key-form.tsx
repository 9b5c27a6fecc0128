import { useSignal } from "@preact/signals";
import type { Console } from "./console.ts";

/** The first thing that an operator sees in production. */
export function KeyForm({
  owner,
  problem,
  opening,
}: {
  owner: Console;
  problem?: string | undefined;
  opening: boolean;
}) {
  const key = useSignal("");
  return (
    <main class="sign-in" aria-busy={opening}>
      <h1 class="display">Console</h1>
      <p class="lead">Who is here, what goes on, and why a call did not connect.</p>
      <form
        class="sign-in-form"
        onSubmit={(event) => {
          event.preventDefault();
          void owner.signIn(key.value.trim());
        }}
      >
        <label class="field">
          <span>API key</span>
          <input
            type="password"
            required
            autocomplete="off"
            spellcheck={false}
            aria-invalid={problem !== undefined}
            aria-describedby={problem === undefined ? undefined : "problem"}
            value={key.value}
            onInput={(event) => {
              key.value = event.currentTarget.value;
            }}
          />
        </label>
        {problem !== undefined && (
          <p class="problem" id="problem">
            {problem}
          </p>
        )}
        <button type="submit" class="button primary wide" disabled={opening}>
          {opening ? "Asking the server…" : "Sign in"}
        </button>
      </form>
      <p class="muted small">
        <code>switchboard api-key NAME --role operate</code> makes one. It stays in this tab.
      </p>
    </main>
  );
}
