import type { Metadata } from "next";
import { Performance } from "./performance";

export const metadata: Metadata = { title: "Redis Performance" };

export default function Admin() {
  return (
    <>
      <h1>Admin</h1>
      <Performance />
    </>
  );
}
