import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Actions, Page } from "./page.ts";
import type { SignInProblem } from "./state.ts";
import { Parties } from "./user-badge.tsx";
import { describeProblem } from "./words.ts";

/** The first thing that a visitor sees: one line, a name, one button. */
export function SignIn({
  page,
  act,
  problem,
}: {
  page: Page;
  act: Actions;
  problem?: SignInProblem | undefined;
}) {
  const wantsToken = useSignal(false);
  const token = useSignal("");
  const going = page.model.value.scene.at === "going-online";
  useEffect(() => {
    if (problem !== undefined) wantsToken.value = problem.kind.endsWith("token");
  }, [problem]);
  const submit = (event: Event) => {
    event.preventDefault();
    if (wantsToken.value) act.goOnline(token.value.trim(), "token");
    else act.goOnline(page.name.value.trim(), "name");
  };
  return (
    <main class="sign-in" aria-busy={going}>
      <Parties from={page.name.value || "?"} to="☎" line={going ? "ringing" : "idle"} />
      <h1 class="display">Call somebody</h1>
      <p class="lead">A video call between two browsers, and a look at what the server does for it.</p>
      <form onSubmit={submit} class="sign-in-form">
        {wantsToken.value ? (
          <label class="field">
            <span>Token</span>
            <textarea
              rows={4}
              required
              spellcheck={false}
              autocomplete="off"
              value={token.value}
              onInput={(event) => {
                token.value = event.currentTarget.value;
              }}
            />
          </label>
        ) : (
          <label class="field">
            <span>Your name</span>
            <input
              name="name"
              required
              maxLength={128}
              autocomplete="nickname"
              autocapitalize="none"
              spellcheck={false}
              aria-invalid={problem?.kind === "name"}
              aria-describedby={problem === undefined ? undefined : "problem"}
              value={page.name.value}
              onInput={(event) => {
                page.name.value = event.currentTarget.value;
              }}
            />
          </label>
        )}
        {problem !== undefined && (
          <p class="problem" id="problem">
            {describeProblem(problem)}
          </p>
        )}
        <button type="submit" class="button primary wide" disabled={going}>
          {going ? "Going online…" : "Go online"}
        </button>
        <button
          type="button"
          class="link"
          onClick={() => {
            wantsToken.value = !wantsToken.value;
          }}
        >
          {wantsToken.value ? "Use a name instead" : "I have a token"}
        </button>
      </form>
      <nav class="elsewhere" aria-label="Live streams">
        <a href="broadcast">Broadcast live</a>
        <a href="live">Watch a stream</a>
      </nav>
    </main>
  );
}
