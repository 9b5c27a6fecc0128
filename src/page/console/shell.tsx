import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { base } from "../base.ts";
import { NoteView } from "../note.tsx";
import { AuditPage } from "./audit-page.tsx";
import type { Console, Question, Scope } from "./console.ts";
import { Devices } from "./devices.tsx";
import { Follow } from "./follow.tsx";
import { KeyForm } from "./key-form.tsx";
import { Keys } from "./keys.tsx";
import { Overview } from "./overview.tsx";
import { placeHref, type Section } from "./place.ts";
import { RecordsPage } from "./records.tsx";
import { Rooms } from "./rooms.tsx";
import { ServerPage } from "./server-page.tsx";
import { SessionPage } from "./session-page.tsx";
import { Sessions } from "./sessions.tsx";
import { SettingsPage } from "./settings-page.tsx";
import { Streams } from "./streams.tsx";
import { plain } from "./text.ts";
import { Webhooks } from "./webhooks.tsx";

/** What the navigation offers, and what a key must have for it. */
const entries: readonly (readonly [section: Section, title: string, scope: Scope])[] = [
  ["overview", "Overview", "server:read"],
  ["devices", "Devices", "devices:read"],
  ["sessions", "Sessions", "sessions:read"],
  ["streams", "Streams", "streams:read"],
  ["rooms", "Rooms", "rooms:read"],
  ["records", "Records", "records:read"],
  ["follow", "Follow", "events:read"],
  ["webhooks", "Webhooks", "webhooks:read"],
  ["keys", "Keys", "keys:read"],
  ["audit", "Audit", "audit:read"],
  ["server", "Nodes", "server:read"],
  ["settings", "Settings", "server:read"],
];

/** The whole console: the form for a key, or the sections behind it. */
export function Shell({ owner }: { owner: Console }) {
  const standing = owner.standing.value;
  const { section, subject } = owner.place.value;
  const title = entries.find(([one]) => one === section)?.[1] ?? "Overview";
  useEffect(() => {
    document.title = `${standing.at === "signed-in" ? `${subject ?? title} · ` : ""}Console · Switchboard`;
  });
  return (
    <div class={standing.at === "signed-in" ? "console" : undefined}>
      <header class="head">
        <a class="brand" href="#/">
          <i aria-hidden="true" /> <span>Switchboard</span>
        </a>
        {standing.at === "signed-in" && (
          <>
            <code class="muted small own-key">{standing.key.id}</code>
            {!standing.key.development && (
              <button type="button" class="button small quiet" onClick={() => owner.signOut()}>
                Sign out
              </button>
            )}
            {standing.key.development && (
              <a class="button small quiet" href={`${base}/`}>
                Make a call
              </a>
            )}
          </>
        )}
      </header>
      {standing.at === "signed-in" ? (
        <>
          <Navigation owner={owner} section={section} />
          <main class="sections" tabIndex={-1}>
            {owner.trouble.value !== undefined && <p class="warning">{owner.trouble.value}</p>}
            <SectionView owner={owner} section={section} subject={subject} />
          </main>
        </>
      ) : (
        <KeyForm
          owner={owner}
          opening={standing.at === "opening"}
          problem={standing.at === "signed-out" ? standing.problem : undefined}
        />
      )}
      <NoteView page={owner} />
      {owner.question.value !== undefined && <Ask owner={owner} question={owner.question.value} />}
    </div>
  );
}

function Navigation({ owner, section }: { owner: Console; section: Section }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the sections stand in one row, which scrolls.
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [section]);
  return (
    <nav class="console-nav" aria-label="Sections" ref={nav}>
      <ul>
        {entries.map(
          ([one, title, scope]) =>
            owner.may(scope) && (
              <li key={one}>
                <a href={placeHref(one)} aria-current={one === section ? "page" : undefined}>
                  {title}
                </a>
              </li>
            ),
        )}
      </ul>
    </nav>
  );
}

function SectionView({
  owner,
  section,
  subject,
}: {
  owner: Console;
  section: Section;
  subject: string | undefined;
}): ComponentChildren {
  switch (section) {
    case "overview":
      return <Overview owner={owner} />;
    case "devices":
      return <Devices owner={owner} />;
    case "sessions":
      if (subject !== undefined) return <SessionPage key={subject} owner={owner} session={subject} />;
      return <Sessions owner={owner} />;
    case "streams":
      return <Streams owner={owner} />;
    case "rooms":
      return <Rooms owner={owner} />;
    case "records":
      return <RecordsPage owner={owner} />;
    case "follow":
      return <Follow owner={owner} user={subject} />;
    case "webhooks":
      return <Webhooks owner={owner} subject={subject} />;
    case "settings":
      return <SettingsPage owner={owner} />;
    case "audit":
      return <AuditPage owner={owner} />;
    case "keys":
      return <Keys owner={owner} />;
    case "server":
      return <ServerPage owner={owner} />;
  }
}

/** Asks before something that can't be undone. Esc and a click on No leave it. */
function Ask({ owner, question }: { owner: Console; question: Question }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, [question]);
  const close = () => {
    owner.question.value = undefined;
  };
  return (
    <dialog
      class="ask"
      ref={dialog}
      aria-labelledby="question"
      aria-describedby="question-text"
      onClose={close}
    >
      <h2 id="question">{plain(question.title)}</h2>
      <p id="question-text" class="muted">
        {plain(question.text)}
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button
          type="button"
          class="button no"
          onClick={() => {
            dialog.current?.close();
            question.run();
          }}
        >
          {question.yes}
        </button>
      </div>
    </dialog>
  );
}
