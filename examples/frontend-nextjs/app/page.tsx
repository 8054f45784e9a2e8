export default function Home() {
  return (
    <>
      <h1>An app on Upstash Redis</h1>
      <ul>
        <li>
          <a href="/admin">Admin: Redis Performance</a>
        </li>
        <li>
          <a href="/api/v1/health/redis">Does this app use its Redis?</a>
        </li>
        <li>
          <a href="/api/v1/greeting">A cached value, limited to 20 requests in 10 s</a>
        </li>
      </ul>
    </>
  );
}
