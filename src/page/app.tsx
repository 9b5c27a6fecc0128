import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Chat } from "./chat.tsx";
import { Directory } from "./directory.tsx";
import { Icon } from "./icon.tsx";
import { LadderView } from "./ladder-view.tsx";
import { NoteView } from "./note.tsx";
import { Away, Over, Replaced } from "./over.tsx";
import type { Actions, Page } from "./page.ts";
import { DirectoryStage } from "./person-card.tsx";
import { RingDialog } from "./ring-dialog.tsx";
import { SignIn } from "./sign-in.tsx";
import { inCall } from "./state.ts";
import { Talking } from "./talking.tsx";
import { Asking, Calling, NoCamera } from "./waiting.tsx";
import { announce, titleOf } from "./words.ts";

/** The whole page. */
export function App({ page, act }: { page: Page; act: Actions }) {
  const model = page.model.value;
  const { scene, ring, link } = model;
  const signedOut = scene.at === "signed-out" || (scene.at === "going-online" && link.up);
  useEffect(() => {
    document.title = titleOf(model);
  });
  return (
    <>
      {signedOut ? (
        <>
          <Header page={page} act={act} bare />
          <SignIn page={page} act={act} problem={scene.at === "signed-out" ? scene.problem : undefined} />
        </>
      ) : (
        <Layout page={page} act={act} />
      )}
      <div class="sr" role="status" aria-live="polite">
        {announce(model)}
      </div>
      {ring !== undefined && !ring.answering && (
        <RingDialog ring={ring} act={act} engaged={inCall(scene)} others={page.mine.value.length > 0} />
      )}
    </>
  );
}

function Layout({ page, act }: { page: Page; act: Actions }) {
  const { scene } = page.model.value;
  const peer = "peer" in scene ? scene.peer : "";
  const sheet = page.sheet.value;
  const chats = scene.at === "talking";
  return (
    <div class={chats ? "layout engaged" : scene.at === "directory" ? "layout" : "layout waiting"}>
      <Header page={page} act={act} />
      <aside class="left" aria-label="People">
        <Directory page={page} />
        {chats && (
          <Sheet page={page} open={sheet === "chat"} name="Chat">
            <Chat page={page} act={act} peer={peer} />
          </Sheet>
        )}
      </aside>
      <main class="middle" tabIndex={-1} ref={useFocusOnScene(scene.at)}>
        <NoteView page={page} />
        <Stage page={page} act={act} />
      </main>
      <aside class="right" aria-label="Ladder">
        <Sheet page={page} open={sheet === "ladder"} name="Ladder">
          <LadderView page={page} act={act} />
        </Sheet>
      </aside>
    </div>
  );
}

function Stage({ page, act }: { page: Page; act: Actions }) {
  const { scene, link } = page.model.value;
  if (!link.up && !inCall(scene) && scene.at !== "replaced")
    return <Away page={page} act={act} link={link} />;
  switch (scene.at) {
    case "asking":
      return <Asking page={page} act={act} scene={scene} />;
    case "no-camera":
      return <NoCamera act={act} scene={scene} />;
    case "calling":
      return <Calling page={page} act={act} scene={scene} />;
    case "talking":
      return <Talking page={page} act={act} scene={scene} />;
    case "over":
      return <Over page={page} act={act} scene={scene} />;
    case "replaced":
      return <Replaced page={page} act={act} />;
    default:
      return <DirectoryStage page={page} act={act} />;
  }
}

function Header({ page, act, bare = false }: { page: Page; act: Actions; bare?: boolean }) {
  const me = page.me.value;
  const up = page.model.value.link.up && page.model.value.scene.at !== "replaced";
  return (
    <header class="head">
      <span class="brand">
        <i aria-hidden="true" /> <span>Switchboard</span>
      </span>
      {!bare && me !== undefined && (
        <span class="me">
          <i
            class={up ? "status-dot" : "status-dot offline"}
            role="img"
            aria-label={up ? "online" : "offline"}
          />
          <strong>{me.user}</strong>
        </span>
      )}
      {!bare && (
        <button
          type="button"
          class="button small narrow-only"
          onClick={() => {
            page.sheet.value = "ladder";
          }}
        >
          <Icon name="ladder" /> Ladder
        </button>
      )}
      {!bare && !inCall(page.model.value.scene) && (
        <button type="button" class="button small quiet" onClick={() => act.goOffline()}>
          Go offline
        </button>
      )}
    </header>
  );
}

interface SheetProps {
  readonly page: Page;
  readonly open: boolean;
  readonly name: string;
  readonly children: preact.ComponentChildren;
}

/** A column on wide screens. On narrow ones it opens from below on demand. */
function Sheet({ page, open, name, children }: SheetProps) {
  const close = () => {
    page.sheet.value = undefined;
  };
  const button = useRef<HTMLButtonElement>(null);
  // Before the next paint, so that an Escape that comes at once is heard.
  useLayoutEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") close();
    };
    button.current?.focus();
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("keydown", onKey);
      if (before instanceof HTMLElement) before.focus();
    };
  }, [open]);
  return (
    <div class={open ? "sheet open" : "sheet"}>
      <button
        ref={button}
        type="button"
        class="sheet-close narrow-only"
        aria-label={`Close ${name}`}
        onClick={close}
      >
        <Icon name="close" />
      </button>
      {children}
    </div>
  );
}

/** Moves the focus to the main area when the focused button went away with its scene. */
function useFocusOnScene(scene: string) {
  const stage = useRef<HTMLElement>(null);
  const last = useRef(scene);
  useEffect(() => {
    if (last.current === scene) return;
    last.current = scene;
    const active = document.activeElement;
    if (active === null || active === document.body) {
      const first = scene === "talking" ? stage.current?.querySelector<HTMLElement>(".bar button") : null;
      (first ?? stage.current)?.focus({ preventScroll: true });
    }
  }, [scene]);
  return stage;
}
