import { Counter, Gauge, type Registry } from "prom-client";

/**
 * Registers what is told of the process itself, by the names that Prometheus gives it. Cheap figures only: prom-client's own list
 * walks the heap's spaces and the open descriptors, which takes the event loop for tens of milliseconds at each scrape.
 */
export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: "process_start_time_seconds",
    help: "When the process started, Unix time.",
    registers,
  }).set(Date.now() / 1_000 - process.uptime());
  const cpu: Counter = new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time that the process has used.",
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const memory: Gauge = new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory that the process holds.",
    registers,
    collect: () => memory.set(process.memoryUsage.rss()),
  });
}
