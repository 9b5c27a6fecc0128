import { useSignal } from "@preact/signals";
import { base } from "../base.ts";
import { Head } from "../head.tsx";
import { Parties } from "../user-badge.tsx";

/** `/live` without a name: asks for one. */
export function Chooser() {
  const name = useSignal("");
  return (
    <>
      <Head>
        <a class="button small quiet" href={`${base}/broadcast`}>
          Broadcast
        </a>
      </Head>
      <main class="sign-in">
        <Parties from={name.value || "?"} to="▶" line="idle" />
        <h1 class="display">Watch a stream</h1>
        <p class="lead">It starts here as soon as it is live.</p>
        <form
          class="sign-in-form"
          onSubmit={(event) => {
            event.preventDefault();
            location.assign(`${base}/live/${encodeURIComponent(name.value.trim())}`);
          }}
        >
          <label class="field">
            <span>Name of the stream</span>
            <input
              required
              maxLength={128}
              // What a name of a stream may be: docs/protocol.md.
              pattern="[^\s\/:*]+"
              title="Up to 128 characters, without spaces, / : or *"
              autocapitalize="none"
              spellcheck={false}
              value={name.value}
              onInput={(event) => {
                name.value = event.currentTarget.value;
              }}
            />
          </label>
          <button type="submit" class="button primary wide">
            Watch
          </button>
        </form>
      </main>
      <div class="sr" role="status" aria-live="polite" />
    </>
  );
}
