import type { Console } from "./console.ts";
import { Answered, List, Name, Title } from "./list.tsx";
import { usePolled } from "./polled.ts";
import { momentText } from "./text.ts";

/** What was done by keys of the API, this console's included. */
export function AuditPage({ owner }: { owner: Console }) {
  const polled = usePolled(owner, "audit", (api) => api.listAudit({ limit: 100 }), 2_000);
  return (
    <>
      <Title>Audit</Title>
      <Answered polled={polled} isEmpty={({ items }) => items.length === 0} empty="Nothing was done yet.">
        {({ items }) => (
          <List
            label="Acts"
            entries={items}
            keyOf={({ at, act, subject }) => `${at} ${act} ${subject}`}
            columns={[
              ["Act", ({ act }) => <b>{act}</b>, "wide"],
              ["When", ({ at }) => momentText(at, Date.now())],
              ["Key", ({ actor }) => <code>{actor}</code>],
              ["Of what", ({ subject }) => <Name of={subject} />, "wide"],
              ["Detail", ({ detail }) => detail ?? ""],
            ]}
          />
        )}
      </Answered>
    </>
  );
}
