"use client";

import { useEffect, useState } from "react";
import { Chart, milliseconds } from "./chart";
import { ranges, region, type Database, type Statistics } from "./statistics";

const every = 10_000;

export function Performance() {
  const [range, setRange] = useState("1h");
  const [name, setName] = useState("");
  const [statistics, setStatistics] = useState<Statistics>();
  const [error, setError] = useState("");
  const [mode, setMode] = useState("");

  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      if (document.hidden) return;
      try {
        const read = (path: string) => fetch(path, { cache: "no-store", signal: AbortSignal.any([stop.signal, AbortSignal.timeout(15_000)]) });
        const health = read("/api/v1/health/redis").then((r) => r.json());
        health.then((h) => setMode(h.status)).catch(() => setMode(""));
        const answer = await read(`/api/v1/admin/redis-metrics?${new URLSearchParams({ range, ...(name && { database: name }) })}`);
        const body = await answer.json();
        if (!answer.ok) throw new Error(body.error ?? body.message ?? `HTTP ${answer.status}`);
        // One database of several has no tail; ask for it by its name.
        if (!name && body.databases.length > 0) setName(body.databases[0].name);
        setStatistics((was) => (name && was ? { ...body, databases: was.databases.map((d) => (d.name === name ? body.databases[0] : d)) } : body));
        setError("");
      } catch (failure) {
        if (!stop.signal.aborted) setError((failure as Error).message);
      }
    };
    load();
    const timer = setInterval(load, every);
    document.addEventListener("visibilitychange", load);
    return () => {
      stop.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", load);
    };
  }, [range, name]);

  const database = statistics?.databases.find((d) => d.name === name) ?? statistics?.databases[0];
  return (
    <section aria-labelledby="performance">
      <div className="row">
        <h2 id="performance">Redis Performance</h2>
        {statistics && statistics.databases.length > 1 && (
          <label>
            Database{" "}
            <select value={name} onChange={(e) => setName(e.target.value)}>
              {statistics.databases.map((d) => (
                <option key={d.name}>{d.name}</option>
              ))}
            </select>
          </label>
        )}
        <label>
          Range{" "}
          <select value={range} onChange={(e) => setRange(e.target.value)}>
            {ranges.map((r) => (
              <option key={r}>{r}</option>
            ))}
          </select>
        </label>
      </div>
      {error && (
        <p className="bad" role="alert">
          {statistics ? "Not updated" : "No data"}: {error}
        </p>
      )}
      {database ? <Figures database={database} mode={mode} /> : !error && <p>Loading…</p>}
      {statistics?.incidents?.open?.map((i) => (
        <p key={i.id} className="bad">
          {i.id}: {i.title} {i.database && `(${i.database})`}
        </p>
      ))}
      {statistics && (
        <p className="quiet">
          As of <time dateTime={statistics.generated_at}>{new Date(statistics.generated_at).toLocaleTimeString()}</time>, updated every {every / 1000} s.
          {statistics.missing && ` Could not read: ${statistics.missing.join(", ")}.`}
        </p>
      )}
    </section>
  );
}

function Figures({ database, mode }: { database: Database; mode: string }) {
  const at = region(database);
  const figures: [string, string, boolean?][] = [
    ["Status", database.status, database.status === "connected"],
    ["This app's Redis", mode || "not known", mode === "connected"],
    ["PING median", at?.p50_ms === undefined ? "not known" : milliseconds(at.p50_ms)],
    ["Hit rate", percent(database.hit_rate)],
    ["Memory used", percent(database.memory_ratio)],
    ["Commands used", percent(database.commands_ratio)],
    ["Uptime", percent(database.uptime?.availability, 2)],
    ["Fallbacks in 24 h", String(database.fallback?.activations_24h ?? "not known")],
  ];
  return (
    <>
      {at && (
        <figure style={{ margin: 0 }}>
          <Chart
            series={at.series}
            limit={database.latency_limit_ms}
            label={`PING latency of ${database.name} from ${at.region}: median ${at.p50_ms === undefined ? "not known" : milliseconds(at.p50_ms)}`}
          />
          <figcaption className="quiet">
            PING latency of {database.name} from {at.region}: median (line), up to p95 (band), {database.latency_limit_ms} ms limit (dashed). Bars mark failures.
          </figcaption>
        </figure>
      )}
      <dl className="figures">
        {figures.map(([term, value, good]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd className={good === undefined ? "" : good ? "good" : "bad"}>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

const percent = (ratio?: number, digits = 0) => (ratio === undefined ? "not known" : `${(100 * ratio).toFixed(digits)} %`);
