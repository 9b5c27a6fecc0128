import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RecordingsApi } from "./recordings-api.ts";

/** A picture of a recording, or an empty field where the server makes none. */
export function Picture({ api, url }: { api: RecordingsApi; url: string }) {
  const source = useSignal<string | undefined>(undefined);
  useEffect(() => {
    let [gone, made] = [false, undefined as string | undefined];
    void api.loadable(url).then((loaded) => {
      made = loaded;
      if (!gone) source.value = loaded;
      else if (loaded?.startsWith("blob:")) URL.revokeObjectURL(loaded);
    });
    return () => {
      gone = true;
      if (made?.startsWith("blob:")) URL.revokeObjectURL(made);
    };
  }, [api, url]);
  return (
    <span class="thumbnail">
      {source.value !== undefined && (
        <img
          src={source.value}
          alt=""
          loading="lazy"
          onError={() => {
            source.value = undefined;
          }}
        />
      )}
    </span>
  );
}
