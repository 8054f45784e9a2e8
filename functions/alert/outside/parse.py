"""Reads a mail on standard input with Python's own parser and prints what a reader sees."""
import email, email.policy, json, sys

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = {p.get_content_type(): p.get_content() for p in mail.walk() if not p.is_multipart()}
defects = [str(d) for p in mail.walk() for d in p.defects]
defects += [str(d) for p in mail.walk() for h in p.values() for d in getattr(h, "defects", [])]
print(json.dumps({"subject": mail["Subject"], "to": mail["To"].addresses[0].addr_spec, "text": parts["text/plain"],
                  "html": parts["text/html"], "date": mail["Date"].datetime.isoformat(), "defects": defects}))
