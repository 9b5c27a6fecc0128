import { useSignal } from "@preact/signals";
import type { Operations } from "../../application/operations.ts";
import type { Console } from "./console.ts";
import { Answered, Choice, List, Name, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { manyText, momentText } from "./text.ts";

type Webhook = Operations["listWebhooks"]["output"]["items"][number];

/** Endpoints that events are sent to. */
export function Webhooks({ owner, subject }: { owner: Console; subject: string | undefined }) {
  const polled = usePolled(owner, "webhooks", (api) => api.listWebhooks());
  const chosen = polled.value?.items.find(({ id }) => id === subject);
  if (chosen !== undefined) return <Deliveries key={chosen.id} owner={owner} webhook={chosen} />;
  return (
    <>
      <Title>Webhooks</Title>
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty="No endpoint hears of events. Your server makes one with POST /webhooks, or it stands in the setting webhooks."
      >
        {({ items }) => (
          <List
            label="Endpoints"
            entries={items}
            keyOf={({ id }) => id}
            columns={[
              [
                "Endpoint",
                ({ id, url }) => (
                  <a class="row-link" href={placeHref("webhooks", id)}>
                    <Name of={url} most={60} />
                  </a>
                ),
                "wide",
              ],
              ["Events", ({ events }) => events?.join(", ") ?? "all"],
              ["State", (webhook) => <StateMark webhook={webhook} />],
              [
                "Made",
                ({ created }) => (created === undefined ? "by a setting" : momentText(created, Date.now())),
              ],
            ]}
            actions={
              owner.may("webhooks:write") &&
              (({ id, url, fixed }) =>
                !fixed && (
                  <button
                    type="button"
                    class="button small"
                    onClick={() => {
                      owner.question.value = {
                        title: "Remove this endpoint?",
                        text: `${url} hears of nothing more. What waits for it is forgotten.`,
                        yes: "Remove",
                        run: () =>
                          void owner.act("The endpoint is removed.", (api) =>
                            api.deleteWebhook({ webhook: id }),
                          ),
                      };
                    }}
                  >
                    Remove<span class="sr"> {url}</span>
                  </button>
                ))
            }
          />
        )}
      </Answered>
    </>
  );
}

function StateMark({ webhook: { disabled } }: { webhook: Webhook }) {
  return (
    <span class={disabled ? "state failed" : "state active"}>{disabled ? "off: it answered 410" : "on"}</span>
  );
}

/** What an endpoint has not taken: events that wait, or were given up. */
function Deliveries({ owner, webhook }: { owner: Console; webhook: Webhook }) {
  const { id, url } = webhook;
  const { query } = owner.place.value;
  const dead = query.dead === "1";
  const polled = usePolled(owner, `deliveries ${id} ${dead}`, (api) =>
    api.listDeliveries({ webhook: id, dead, limit: 100 }),
  );
  const mayRetry = dead && owner.may("webhooks:write");
  const retry = (which: { delivery?: string; from?: number; to?: number }) =>
    void owner.act("", async (api) => {
      const { deliveries } = await api.retryDeliveries({ webhook: id, ...which });
      owner.say(`${manyText(deliveries, "event")} will be sent again.`);
    });
  return (
    <>
      <Title
        beside={
          <Choice
            label="Show"
            value={dead ? "1" : ""}
            values={[
              ["", "events that wait"],
              ["1", "dead letters"],
            ]}
            set={(value) => {
              location.hash = placeHref("webhooks", id, { dead: value });
            }}
          />
        }
      >
        <a href={placeHref("webhooks")}>Webhooks</a> <span aria-hidden="true">›</span>{" "}
        <Name of={url} most={48} />
      </Title>
      {mayRetry && <RetryRange retry={retry} />}
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty={dead ? "No event was given up." : "Nothing waits: the endpoint has taken every event."}
      >
        {({ items }) => (
          <List
            label={dead ? "Dead letters" : "Deliveries"}
            entries={items}
            keyOf={({ id: delivery }) => delivery}
            columns={[
              ["Event", ({ type }) => <b>{type}</b>, "wide"],
              ["Id", ({ id: delivery }) => <Name of={delivery} most={28} />],
              ["Happened", ({ created }) => momentText(created, Date.now())],
              ["Tries", ({ attempts }) => String(attempts), "number"],
              [
                "Next try",
                ({ due }) =>
                  due === undefined ? "never" : momentText(Math.max(due, Date.now()), Date.now()),
              ],
              ["Why", ({ failure }) => (failure === undefined ? "–" : <Name of={failure} most={80} />)],
            ]}
            actions={
              mayRetry &&
              (({ id: delivery, type }) => (
                <button type="button" class="button small" onClick={() => retry({ delivery })}>
                  Retry<span class="sr">{` ${type} ${delivery}`}</span>
                </button>
              ))
            }
          />
        )}
      </Answered>
    </>
  );
}

/** Sends the dead letters of a range of time again. An empty field leaves that side open. */
function RetryRange({ retry }: { retry: (range: { from?: number; to?: number }) => void }) {
  const from = useSignal("");
  const to = useSignal("");
  const field = (label: string, value: typeof from) => (
    <label class="filter">
      <span>{label}</span>
      <input
        class="input"
        type="datetime-local"
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
  return (
    <form
      class="panel-card new-key"
      aria-label="Retry a range"
      onSubmit={(event) => {
        event.preventDefault();
        retry({
          from: from.value === "" ? 0 : Date.parse(from.value),
          ...(to.value !== "" && { to: Date.parse(to.value) }),
        });
      }}
    >
      {field("Happened from", from)}
      {field("until", to)}
      <button type="submit" class="button primary">
        {from.value === "" && to.value === "" ? "Retry all" : "Retry these"}
      </button>
    </form>
  );
}
