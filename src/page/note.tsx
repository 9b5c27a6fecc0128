import { useEffect } from "preact/hooks";
import type { Page } from "./page.ts";

const shownFor = 6_000;

/** A short message: screen readers read it once, and it fades unless it has an action. */
export function NoteView({ page }: { page: Pick<Page, "note"> }) {
  const note = page.note.value;
  useEffect(() => {
    if (note === undefined || note.act !== undefined) return;
    const timer = setTimeout(() => {
      if (page.note.peek() === note) page.note.value = undefined;
    }, shownFor);
    return () => clearTimeout(timer);
  }, [note]);
  const close = () => {
    page.note.value = undefined;
  };
  return (
    <div class="notes" role="status">
      {note !== undefined && (
        <div class={note.act === undefined ? "note fades" : "note"} key={note.text}>
          <span>{note.text}</span>
          {note.act !== undefined && (
            <>
              <button
                type="button"
                class="button small primary"
                onClick={() => {
                  close();
                  note.act?.run();
                }}
              >
                {note.act.label}
              </button>
              <button type="button" class="button small quiet" onClick={close}>
                Later
              </button>
            </>
          )}
        </div>
      )}
    </div>
  );
}
