import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Actions, Page } from "./page.ts";

/** Messages beside the call. They go over the links to the server, so they arrive even while the media is lost. */
export function Chat({ page, act, peer }: { page: Page; act: Actions; peer: string }) {
  const text = useSignal("");
  const list = useRef<HTMLOListElement>(null);
  const lines = page.chat.value;
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines.length]);
  const submit = (event: Event) => {
    event.preventDefault();
    const said = text.value.trim();
    if (said === "") return;
    act.say(said);
    text.value = "";
  };
  return (
    <section class="chat" aria-label={`Chat with ${peer}`}>
      <h2 class="label">Chat</h2>
      <ol class="lines" ref={list} aria-live="polite">
        {lines.length === 0 && <li class="empty muted small">Messages go through the server.</li>}
        {lines.map((line) => (
          <li key={line.id} class={line.mine ? "line mine" : "line"}>
            <span class="sr">{line.mine ? "You: " : `${peer}: `}</span>
            <span class="bubble">{line.text}</span>
            {line.state === "sending" && !page.model.value.link.up && (
              <small class="muted small">waiting for the server</small>
            )}
            {line.state === "undelivered" && <small class="wrong">not delivered</small>}
          </li>
        ))}
      </ol>
      <form class="say" onSubmit={submit}>
        <input
          aria-label={`Message to ${peer}`}
          placeholder={`Message to ${peer}`}
          autocomplete="off"
          maxLength={2000}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <button type="submit" class="button small">
          Send
        </button>
      </form>
    </section>
  );
}
