// Draws the charts, shows times in the viewer's zone and replaces the page's content when it
// has changed. Without it the page says the same in words and tables.
(() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let charts = [];
  let phases = false;

  // Times: the server writes UTC.
  const sameDay = (a, b) => a.toDateString() === b.toDateString();
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const dated = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const local = (t) => (sameDay(t, new Date()) ? clock : dated).format(t);
  const times = () => {
    for (const el of document.querySelectorAll("time")) el.textContent = local(new Date(el.dateTime));
  };

  const span = (s) => s < 60 ? `${Math.max(0, Math.floor(s))} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;

  // The age of the last check keeps counting, and becomes stale without an answer.
  const age = () => {
    const first = $("first");
    if (first) {
      const s = Number(first.dataset.at) - Date.now() / 1000;
      first.textContent = s >= 1 ? `in ${span(s)}` : "any moment now";
    }
    const el = $("age");
    if (!el) return;
    const s = Date.now() / 1000 - Number(el.dataset.last);
    el.textContent = `${span(s)} ago`;
    const stale = s > Number(el.dataset.late);
    if (stale) {
      $("stale").textContent = `Stale: no check has run for ${span(s)}. What follows may be out of date.`;
      // "All connected" is not known any more. What was wrong probably still is.
      const now = $("now");
      if (now.classList.contains("connected") || now.classList.contains("no_data")) {
        now.className = "now no_data";
        $("headline").querySelector("span").textContent = `Stale: no check has run for ${span(s)}`;
      }
    }
    $("stale").hidden = !stale;
  };

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const ms = (v) => v == null ? "–" : v >= 100 ? `${Math.round(v)} ms` : `${v.toFixed(1)} ms`;
  const share = (v) => v == null ? "–" : `${(100 * v).toFixed(v > 0 && v < 0.01 ? 2 : 1)} %`;
  const count = (v) => v == null ? "–" : Math.round(v).toLocaleString();

  // The points' times are their middles.
  const axis = (s, n) => Array.from({ length: n }, (_, i) => Date.parse(s.from) / 1000 + (i + 0.5) * s.step_seconds);

  const options = (el, data, height, format, series, extra) => {
    const axes = { stroke: color("quiet"), font: "12px system-ui, sans-serif", grid: { stroke: color("line"), width: 1 }, ticks: { show: false } };
    // History shorter than the range fills the chart, because before the first ping there is nothing to see.
    const began = data.begins ?? data.from;
    const least = Math.min(data.to - data.from, 12 * data.pings.step_seconds);
    const now = Math.min(data.to, Date.now() / 1000 + data.pings.step_seconds);
    const from = Math.min(Math.max(data.from, began), now - least);
    return {
      width: el.clientWidth, height, padding: [10, 28, 0, 0],
      cursor: { sync: { key: "pongwatch" }, points: { size: 7 }, drag: { x: false, y: false } },
      legend: { live: true, markers: { width: 2 } },
      scales: { x: { range: [from, now + (extra.ahead ?? 0) * (now - from)] }, y: { range: (u, low, high) => [0, extra.top ?? Math.max(extra.most, (high ?? 0) * 1.2)] } },
      axes: [
        { ...axes, space: el.clientWidth < 500 ? 60 : 90, size: 32, gap: 8, filter: (u, splits) => splits.map((t) => t >= from && t <= u.scales.x.max ? t : null), values: (u, t) => times24(t) },
        { ...axes, size: 56, space: 34, values: (u, list) => list.map(format) },
      ],
      series: [{ value: (u, t) => t == null ? "–" : local(new Date(1000 * t)) }, ...series],
      bands: extra.bands,
      hooks: { drawClear: [(u) => shade(u, data, extra.failures)], draw: [(u) => limit(u, extra.limit), (u) => project(u, extra.reaches)] },
    };
  };

  const hm = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const hms = clock;
  const md = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const times24 = (list) => {
    const known = list.filter((t) => t != null);
    const step = known.length > 1 ? known[1] - known[0] : 3600;
    const midnight = (d) => d.getHours() + d.getMinutes() + d.getSeconds() === 0;
    return list.map((t) => {
      if (t == null) return "";
      const d = new Date(1000 * t);
      if (step >= 86400 || midnight(d)) return md.format(d);
      return (step < 60 ? hms : hm).format(d);
    });
  };

  // Incidents are shaded spans, failed pings ticks at the foot.
  const shade = (u, data, failures) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = color("bad");
    ctx.globalAlpha = 0.1;
    // One path, so that spans that overlap are no darker.
    ctx.beginPath();
    for (const s of data.spans) {
      const a = u.valToPos(s.from, "x", true), b = u.valToPos(s.to, "x", true);
      ctx.rect(a, bbox.top, Math.max(2, b - a), bbox.height);
    }
    ctx.fill();
    ctx.globalAlpha = 0.9;
    const s = data.pings, at = axis(s, s.failed.length);
    const width = Math.max(2, u.valToPos(at[1] ?? at[0], "x", true) - u.valToPos(at[0], "x", true) - 1);
    s.failed.forEach((n, i) => {
      if (n && failures) ctx.fillRect(u.valToPos(at[i], "x", true) - width / 2, bbox.top + bbox.height - 5 * devicePixelRatio, width, 5 * devicePixelRatio);
    });
    ctx.restore();
  };

  const dashed = ({ ctx, bbox }, name, from, to) => {
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = color(name);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
    ctx.restore();
  };

  const limit = (u, value) => {
    if (value == null) return;
    const y = u.valToPos(value, "y", true);
    dashed(u, "quiet", [u.bbox.left, y], [u.bbox.left + u.bbox.width, y]);
  };

  // A forecast is a line from the last value to the whole quota.
  const project = (u, at) => {
    if (at == null) return;
    const [x, y] = u.data;
    const last = y.findLastIndex((v) => v != null);
    if (last < 0 || at <= x[last]) return;
    const end = Math.min(at, u.scales.x.max);
    const value = y[last] + (1 - y[last]) * (end - x[last]) / (at - x[last]);
    const pos = (t, v) => [u.valToPos(t, "x", true), u.valToPos(v, "y", true)];
    dashed(u, "caution", pos(x[last], y[last]), pos(end, value));
  };

  const line = (label, name, format, more) => ({
    label, value: (u, v) => format(v), stroke: color(name), width: 1.5, points: { show: alone, size: 4 }, ...more,
  });
  // A single point between two gaps is no line, so it is drawn as a dot.
  const alone = (u, i) => {
    const y = u.data[i];
    const out = [];
    y.forEach((v, k) => { if (v != null && y[k - 1] == null && y[k + 1] == null) out.push(k); });
    return out.length ? out : false;
  };

  const place = (id, data, height, format, series, columns, extra) => {
    const el = $(id);
    if (!el) return;
    el.replaceChildren();
    const u = new uPlot(options(el, data, height, format, series, extra), columns, el);
    el.tabIndex = 0;
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", `${el.dataset.label}; left and right arrows read values`);
    u.root.querySelector(".u-legend").setAttribute("aria-live", "polite");
    el.onkeydown = (e) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!by) return;
      e.preventDefault();
      const last = columns[0].length - 1;
      let i = u.cursor.idx ?? (by > 0 ? -1 : last + 1);
      do { i += by; } while (i > 0 && i < last && columns[1][i] == null);
      i = Math.min(last, Math.max(0, i));
      u.setCursor({ left: u.valToPos(columns[0][i], "x"), top: 10 });
    };
    // At rest the legend shows the newest value.
    const rest = () => {
      let i = columns[0].length - 1;
      while (i > 0 && columns[1][i] == null) i--;
      u.setLegend({ idx: i });
    };
    u.over.addEventListener("mouseleave", () => setTimeout(rest, 50));
    setTimeout(rest);
    charts.push([el, u]);
  };

  const draw = () => {
    for (const [, u] of charts) u.destroy();
    charts = [];
    const source = $("data");
    if (!source) return;
    const data = JSON.parse(source.textContent);
    const p = data.pings, x = axis(p, p.p50_ms.length);
    const hasPhases = Boolean(p.dns_ms);
    const button = $("phases");
    button.hidden = !hasPhases;
    button.setAttribute("aria-pressed", String(phases && hasPhases));
    button.onclick = () => { phases = !phases; draw(); };
    const series = [
      line("p50", "accent", ms, { width: 2 }),
      line("p95", "accent", ms, { width: 0.5 }),
      line("p99", "accent", ms, { width: 0.5 }),
    ];
    const columns = [x, p.p50_ms, p.p95_ms, p.p99_ms];
    if (phases && hasPhases) {
      series.push(line("DNS", "good", ms, { dash: [2, 3] }), line("connect", "caution", ms, { dash: [6, 3] }), line("TLS", "quiet", ms, {}));
      columns.push(p.dns_ms, p.connect_ms, p.tls_ms);
    }
    // A limit far above the data would flatten it to a line at the foot.
    const highest = Math.max(0, ...columns.slice(1).flat().filter((v) => v != null));
    const near = highest * 1.25 > data.limit_ms / 4;
    $("plot-pings")?.classList.toggle("phases", phases && hasPhases);
    const wash = `color-mix(in srgb, ${color("accent")} 22%, transparent)`;
    const narrow = innerWidth < 700;
    if ($("legend-limit")) $("legend-limit").hidden = !near;
    place("plot-pings", data, narrow ? 210 : 280, (v) => `${+v.toFixed(2)} ms`, series, columns,
      { most: near ? data.limit_ms * 1.1 : 1, limit: near ? data.limit_ms : null, failures: true, bands: [{ series: [3, 2], fill: wash }] });
    const f = data.figures;
    if (f) {
      const fx = axis(f, f.hit_rate.length);
      const fill = `color-mix(in srgb, ${color("accent")} 12%, transparent)`;
      const pct = (v) => `${+(100 * v).toFixed(2)} %`;
      // All share a time axis, with room for forecasts.
      const ahead = data.memory_full_at || data.commands_out_at || data.bandwidth_out_at || data.budget_out_at ? 0.25 : 0;
      place("plot-hit", data, 140, pct, [line("hit rate", "accent", share)], [fx, f.hit_rate], { top: 1.05, ahead });
      const used = (id, label, values, reaches) => {
        const most = Math.max(0, ...values.filter((v) => v != null));
        const whole = most > 0.25 || reaches != null;
        place(id, data, 140, pct, [line(label, "accent", share, { fill })], [fx, values], { top: whole ? Math.max(1.05, most * 1.05) : most * 1.5 || 1.05, limit: whole ? 1 : null, ahead, reaches });
      };
      used("plot-memory", "memory", f.memory_ratio, data.memory_full_at);
      if (f.bandwidth_ratio) used("plot-bandwidth", "bandwidth", f.bandwidth_ratio, data.bandwidth_out_at);
      if (f.budget_ratio) used("plot-budget", "budget", f.budget_ratio, data.budget_out_at);
      if (f.commands_ratio.some((v) => v != null)) {
        used("plot-commands", "commands", f.commands_ratio, data.commands_out_at);
      } else {
        place("plot-commands", data, 140, (v) => v.toLocaleString(), [line("commands", "accent", count, { fill })], [fx, f.commands], { most: 1, ahead });
      }
    }
  };

  // Updates: the page itself, requested with its tag, paused while the tab is hidden.
  let tag = "";
  let timer = 0;
  const poll = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    const every = Number($("content").dataset.refresh);
    try {
      const r = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store", signal: AbortSignal.timeout(15000) });
      if (r.status === 200) {
        tag = r.headers.get("ETag") ?? "";
        show(new DOMParser().parseFromString(await r.text(), "text/html"));
      } else if (r.status !== 304) {
        throw new Error(`answered ${r.status}`);
      }
      $("offline").hidden = true;
    } catch {
      $("offline").hidden = false;
    }
    timer = setTimeout(poll, every);
  };

  const show = (page) => {
    const fresh = page.getElementById("content");
    if (!fresh || document.activeElement?.matches("input, select")) return; // it is in use
    const focused = document.activeElement?.id;
    const place = (d) => d.id || d.closest("li, tr")?.querySelector(".id")?.textContent + d.firstChild.textContent;
    const open = new Map([...document.querySelectorAll("details")].map((d) => [place(d), d]));
    const top = scrollY;
    document.title = page.title;
    $("content").replaceChildren(...fresh.childNodes);
    for (const d of document.querySelectorAll("details")) {
      const was = open.get(place(d));
      if (was && "served" in was.dataset === "served" in d.dataset) d.open = was.open;
    }
    $("content").dataset.refresh = fresh.dataset.refresh;
    render();
    if (focused) $(focused)?.focus({ preventScroll: true });
    scrollTo(0, top);
    document.documentElement.dataset.updated = String(Number(document.documentElement.dataset.updated ?? 0) + 1);
  };

  // A strip of days is read with the arrow keys, as with the mouse by the bars' titles.
  const strips = () => {
    for (const el of document.querySelectorAll(".strip")) {
      const days = [...el.querySelectorAll("rect")];
      let i = days.length;
      const read = (at) => {
        el.querySelector(".now")?.classList.remove("now");
        el.querySelector("output")?.remove();
        if (at == null) return;
        i = Math.min(days.length - 1, Math.max(0, at));
        days[i].classList.add("now");
        const out = document.createElement("output");
        out.textContent = days[i].textContent;
        el.append(out);
      };
      el.tabIndex = 0;
      el.setAttribute("role", "group");
      el.setAttribute("aria-label", `${el.dataset.label}; left and right arrows read days`);
      el.onkeydown = (e) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
        if (!by) return;
        e.preventDefault();
        read(i + by);
      };
      el.onblur = () => read(null);
    }
  };

  const render = () => { times(); age(); strips(); draw(); };

  let resizing = 0;
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(resizing);
    resizing = setTimeout(draw, 100);
  });
  dark.addEventListener("change", draw);
  document.addEventListener("visibilitychange", poll);
  setInterval(age, 1000);
  render();
  timer = setTimeout(poll, Number($("content").dataset.refresh));
  document.documentElement.dataset.ready = "";
})();
