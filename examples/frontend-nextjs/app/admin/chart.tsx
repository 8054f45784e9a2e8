import { useEffect, useRef, useState } from "react";
import type { Series } from "./statistics";

const height = 240;
const left = 56;
const bottom = 24;

/**
 * Chart draws PING latency: the median as a line, up to p95 as a band, failures as bars. A gap is a
 * gap; before the first ping there is none, so that the time axis begins there.
 */
export function Chart({ series, limit, label }: { series: Series; limit: number; label: string }) {
  const picture = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(720);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.round(entry.contentRect.width))));
    observer.observe(picture.current!);
    return () => observer.disconnect();
  }, []);

  const begins = series.p50_ms.findIndex((v, i) => v !== null || series.failed?.[i]);
  const first = Math.max(0, Math.min(begins, series.p50_ms.length - 30));
  const p50 = series.p50_ms.slice(first);
  const p95 = series.p95_ms?.slice(first) ?? [];
  const failed = series.failed?.slice(first) ?? [];
  const known = [...p50, ...p95].filter((v) => v !== null);
  // Once a value comes near the limit, the limit is part of the picture.
  const highest = Math.max(1, ...known);
  const top = 1.1 * (highest > limit / 3 ? Math.max(highest, limit) : highest);
  const last = Math.max(1, p50.length - 1);
  const x = (i: number) => left + (i / last) * (width - left);
  const y = (ms: number) => (height - bottom) * (1 - ms / top);
  const time = (i: number) =>
    new Date(Date.parse(series.from) + (first + i) * series.step_seconds * 1000).toLocaleString(
      [],
      last * series.step_seconds > 86_400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" },
    );
  return (
    <svg ref={picture} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} data-points={p50.filter((v) => v !== null).length}>
      {[0, 0.5, 1].map((part) => (
        <g key={part}>
          <line className="grid" x1={left} x2={width} y1={y(part * (top / 1.1))} y2={y(part * (top / 1.1))} />
          <text x={left - 6} y={y(part * (top / 1.1)) + 4} textAnchor="end">
            {milliseconds(part * (top / 1.1))}
          </text>
        </g>
      ))}
      {failed.map((n, i) => (n ? <rect key={i} className="failed" x={x(i) - 1.5} width={3} y={0} height={height - bottom} /> : null))}
      {runs(p50).map((run) => (
        <g key={run[0]}>
          {p95.length > 0 && (
            <polygon
              className="band"
              points={[...run.map((i) => `${x(i)},${y(p95[i] ?? p50[i]!)}`), ...run.toReversed().map((i) => `${x(i)},${y(p50[i]!)}`)].join(" ")}
            />
          )}
          <polyline className="line" points={run.map((i) => `${x(i)},${y(p50[i]!)}`).join(" ")} />
          {run.length === 1 && <circle className="dot" cx={x(run[0])} cy={y(p50[run[0]]!)} r={2} />}
        </g>
      ))}
      {limit <= top && <line className="limit" x1={left} x2={width} y1={y(limit)} y2={y(limit)} />}
      {[0, Math.round(last / 2), last].map((i, n) => (
        <text key={n} x={x(i)} y={height - 6} textAnchor={["start", "middle", "end"][n] as "start"}>
          {time(i)}
        </text>
      ))}
    </svg>
  );
}

export const milliseconds = (ms: number) => `${ms.toLocaleString([], { maximumFractionDigits: ms < 10 ? 1 : 0 })} ms`;

/** runs returns the indices of neighbours that have a value. */
function runs(values: (number | null)[]): number[][] {
  const out: number[][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    if (i > 0 && values[i - 1] !== null) out.at(-1)!.push(i);
    else out.push([i]);
  });
  return out;
}
