import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Parties } from "../user-badge.tsx";
import { describeProblem } from "../words.ts";
import type { Studio } from "./studio.ts";

/** Who broadcasts, and under which name. */
export function BroadcastForm({ studio }: { studio: Studio }) {
  const scene = studio.scene.value;
  const problem = scene.at === "form" ? scene.problem : undefined;
  const wantsToken = useSignal(false);
  const token = useSignal("");
  useEffect(() => {
    if (problem !== undefined) wantsToken.value = problem.kind.endsWith("token");
  }, [problem]);
  const submit = (event: Event) => {
    event.preventDefault();
    studio.stream.value = studio.stream.value.trim();
    remember("switchboard.stream", studio.stream.value);
    if (wantsToken.value) studio.enter(token.value.trim(), "token");
    else {
      remember("switchboard.name", studio.user.value.trim());
      studio.enter(studio.user.value.trim(), "name");
    }
  };
  return (
    <main class="sign-in">
      <Parties
        from={wantsToken.value ? "▶" : studio.user.value || "?"}
        to={studio.stream.value || "?"}
        line="idle"
      />
      <h1 class="display">Broadcast live</h1>
      <p class="lead">Your camera or screen, for everybody who has the link.</p>
      <form onSubmit={submit} class="sign-in-form">
        <label class="field">
          <span>Name of the stream</span>
          <input
            required
            maxLength={128}
            pattern="[^\s\/:*]+"
            title="Up to 128 characters, without spaces, / : or *"
            autocapitalize="none"
            spellcheck={false}
            value={studio.stream.value}
            onInput={(event) => {
              studio.stream.value = event.currentTarget.value;
            }}
          />
        </label>
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
              required
              maxLength={128}
              autocomplete="nickname"
              autocapitalize="none"
              spellcheck={false}
              aria-invalid={problem?.kind === "name"}
              aria-describedby={problem === undefined ? undefined : "problem"}
              value={studio.user.value}
              onInput={(event) => {
                studio.user.value = event.currentTarget.value;
              }}
            />
          </label>
        )}
        {problem !== undefined && (
          <p class="problem" id="problem">
            {describeProblem(problem)}
          </p>
        )}
        <button type="submit" class="button primary wide">
          Open the camera
        </button>
        <p class="muted small">Nobody sees you before you go live.</p>
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
    </main>
  );
}

function remember(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Without storage the page asks again.
  }
}
