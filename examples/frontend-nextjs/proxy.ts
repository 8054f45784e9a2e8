import { NextResponse, type NextRequest } from "next/server";
import { refused } from "./lib/admin";

export const config = { matcher: ["/admin/:path*", "/api/v1/admin/:path*"] };

export const proxy = (request: NextRequest) => refused(request) ?? NextResponse.next();
