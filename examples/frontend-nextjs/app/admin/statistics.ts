// What this page shows of pongwatch's statistics. The whole shape is the JSON Schema at
// /api/v1/admin/redis-metrics/schema.json of pongwatch; what is not known is left out.
export interface Statistics {
  generated_at: string;
  databases: Database[];
  incidents?: { open?: Incident[] };
  missing?: string[];
}

export interface Database {
  name: string;
  status: string;
  latency_limit_ms: number;
  home: string;
  regions?: Region[];
  hit_rate?: number;
  memory_ratio?: number;
  commands_ratio?: number;
  uptime?: { days: number; availability?: number };
  fallback?: { active: string[]; activations_24h: number };
}

interface Region {
  region: string;
  last?: { at: string; status: string; phases_ms?: { wait?: number } };
  p50_ms?: number;
  p95_ms?: number;
  series: Series;
}

export interface Series {
  from: string;
  step_seconds: number;
  p50_ms: (number | null)[];
  p95_ms?: (number | null)[];
  failed?: (number | null)[];
}

interface Incident {
  id: string;
  database?: string;
  title?: string;
}

export const ranges = ["1h", "6h", "24h", "7d", "30d"];

/** region returns where the database is asked from: near its home, or the first. */
export const region = (database: Database) => database.regions?.find((r) => r.region === database.home) ?? database.regions?.[0];
