"""Requests written from RFC 9110 and RFC 9112, and what has to become of them.

A case is its name, the bytes a client sends before it closes its side, and the statuses of the answers in order. The
dispatch behind it answers 200 with method, path and body, so a refusal shows by its status, and by being the last.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    name: str
    data: bytes
    statuses: tuple[int, ...]


CASES: list[Case] = []


def case(name: str, data: bytes, *statuses: int) -> None:
    CASES.append(Case(name, data, statuses))


def get(*lines: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1", method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" " + version, b"Host: a", *lines, b"", b""])


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: a", *lines, b"", b""]) + body


NEXT = get(target=b"/next")

# Request line: RFC 9112, section 3.
case("minimal", get(), 200)
case("two in a row", get() + NEXT, 200, 200)
case("ten in a row", get() * 10, *[200] * 10)
for method in b"POST PUT PATCH DELETE OPTIONS QUERY PROPFIND REPORT MKCOL LOCK".split():
    case(f"method {method!r}", get(method=method), 200)
for method in b"get Get GETT FOO G".split():
    case(f"unknown method {method!r}", get(method=method) + NEXT, 501)
    case(f"unknown method {method!r}, no request line", get(method=method, version=b"HTTP/x") + NEXT, 400)
    case(f"unknown method {method!r}, a control character", method + b" /\0 HTTP/1.1\r\n\r\n" + NEXT, 400)
    case(f"unknown method {method!r}, a bare LF", method + b" / HTTP/1.1\n\n" + NEXT, 400)
    case(f"unknown method {method!r}, too long", method + b" " + b"a" * 20000, 414)
for method, target in (
    (b"CONNECT", b"a:80"),
    (b"CONNECT", b"/"),
    (b"TRACE", b"/"),
    (b"M-SEARCH", b"/"),
    (b"SOURCE", b"/"),
):
    case(f"refused method {method!r} {target!r}", get(method=method, target=target) + NEXT, 501)
case("http2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
for separator in (b"  ", b"\t", b"\x0b", b"\x0c", b"\xa0", b"\r"):
    case(
        f"separator {separator!r} after the method",
        b"GET" + separator + b"/ HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT,
        400,
    )
    case(
        f"separator {separator!r} after the target",
        b"GET /" + separator + b"HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT,
        400,
    )
case("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT, 400)
case("no version", b"GET /\r\nHost: a\r\n\r\n" + NEXT, 400)
case("http 0.9", b"GET /\r\n\r\n" + NEXT, 400)
case("leading blank", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400)
case("trailing blank", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400)
case("trailing word", b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400)
for version in b"HTTP/1.2 HTTP/2.0 HTTP/0.9 HTTP/3.0 HTTP/9.9".split():
    case(f"version {version!r}", get(version=version) + NEXT, 505)
for version in b"http/1.1 HTTP/1 HTTP/1. HTTP/11 HTTP/1.10 HTTP/01.1 HTTPS/1.1 HTTP1.1 HTTP/1,1 RTSP/1.0 ICE/1.0 HTTP/a.b".split():
    case(f"version {version!r}", get(version=version) + NEXT, 400)
case("version 1.0", get(version=b"HTTP/1.0"), 200)
case("version 1.0 closes", get(version=b"HTTP/1.0") + NEXT, 200)
case(
    "version 1.0 keeps alive on demand", get(b"Connection: keep-alive", version=b"HTTP/1.0") + NEXT, 200, 200
)
case("version 1.0 needs no host", b"GET / HTTP/1.0\r\n\r\n", 200)
case("empty line first", b"\r\n" + get(), 200)
case("empty line between", get() + b"\r\n" + NEXT, 200, 200)
case("two empty lines first", b"\r\n\r\n" + get(), 400)
case("three empty lines first", b"\r\n\r\n\r\n" + get(), 400)
case("bare LF first", b"\n" + get(), 400)
case("bare CR first", b"\r" + get(), 400)
case("LF LF first", b"\n\n" + get(), 400)
case("nothing", b"")
case("only an empty line", b"\r\n")
case("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400)
case("NUL", b"\x00", 400)

# Request target: RFC 9112, section 3.2.
for target in (
    b"/a", b"/a/b/", b"//", b"/a//b", b"/a?b", b"/?", b"/?a=b&c=d", b"/a%20b", b"/%C3%A9", b"/a;b=c", b"/a:b@c!$&'()*+,=",
    b"/~user", b"/..", b"/a/../b", b"/%2e%2e/", b"/%2F", b"/a%2fb", b"/%252F", b"/a?x=%20", b"/[x]",
    b"/a|b", b"/{id}", b'/"', b"/<x>", b"/^", b"/`", b"/\\", b"/a?b?c", b"/a?b/c",
):  # fmt: skip
    case(f"target {target!r}", get(target=target), 200)
for target in (
    b"*", b"a", b"a/b", b"?a", b"http:/a", b"http:", b"http://", b"http:///x", b"ftp://a/", b"://a", b"/a#b", b"/#", b"#",
    b"/a?b#c", b"/%", b"/%2", b"/%zz", b"/%2g", b"/a?%", b"/a?%z1", b"/%00", b"/%0a", b"/%0D%0A", b"/%1f", b"/%7F", b"/%ff",
    b"/%C3", b"/%C3%28", b"/%ED%A0%80", b"/%C0%AF", b"/\x80", b"/\xc3\xa9", b"/a?\xff", b"/\x00", b"/\x01", b"/\x7f",
    b"http://a@b/", b"http://a b/", b"//\xe9", b"http://[::1/", b"javascript:x",
):  # fmt: skip
    case(f"target {target!r}", get(target=target) + NEXT, 400)
case("asterisk form", get(method=b"OPTIONS", target=b"*"), 204)
for method in (b"GET", b"POST", b"HEAD", b"PUT"):
    case(f"asterisk form of {method!r}", get(method=method, target=b"*"), 400)
case("asterisk and more", get(method=b"OPTIONS", target=b"*a"), 400)
for target in (
    b"http://a/",
    b"http://a",
    b"http://a/b?c",
    b"HTTP://a/",
    b"https://a/",
    b"http://A/",
    b"http://a?x=1",
):
    case(f"absolute form {target!r}", get(target=target), 200)
for target in (
    b"http://b/",
    b"http://a:80/",
    b"http://a.b/",
    b"http://a%00/",
    b"http://user@a/",
    b"http://a:b/",
):
    case(f"absolute form {target!r}", get(target=target) + NEXT, 400)
case("absolute form, host with port", b"GET http://a:8080/ HTTP/1.1\r\nHost: a:8080\r\n\r\n", 200)
case("absolute form, other port", b"GET http://a:8080/ HTTP/1.1\r\nHost: a:8081\r\n\r\n", 400)
case("absolute form without host on 1.0", b"GET http://a/ HTTP/1.0\r\n\r\n", 200)
case("absolute form without host on 1.1", b"GET http://a/ HTTP/1.1\r\n\r\n", 400)
case("long target", get(target=b"/" + b"a" * 8000), 200)
case("target at the limit", get(target=b"/" + b"a" * 8191), 200)
case("target beyond the limit", get(target=b"/" + b"a" * 8192) + NEXT, 414)
case("target beyond the head", b"GET /" + b"a" * 20000, 414)
case("target beyond the head, complete", get(target=b"/" + b"a" * 20000) + NEXT, 414)

# Host: RFC 9112, section 3.2; RFC 9110, section 7.2.
HOSTS = (
    b"A.b", b"a:80", b"a:", b"127.0.0.1", b"127.0.0.1:8000", b"[::1]", b"[::1]:80", b"[fe80::1]", b"a-b.c_d~e", b"a%20b",
    b"xn--nxasmq6b", b"a!$&'()*+,;=b", b"a:65535", b"1", b"a.", b"[::ffff:1.2.3.4]",
)  # fmt: skip
for host in HOSTS:
    if host != b"a:":
        case(f"host {host!r}", b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 200)
for host in (
    b"", b" ", b"a b", b"a/b", b"a?b", b"a#b", b"a@b", b"u:p@b", b"a:b", b"a:65536", b"a:123456", b"a:-1", b"a:+1", b"a:80:80", b":80",
    b"[::1", b"::1", b"[]", b"[::1]x", b"[a]", b"[1.2.3.4]", b"[::1%25eth0]", b"[v1.a]", b"a%", b"a%2", b"a%zz", b"a\\b", b"a\"b",
    b"<a>", b"a|b", b"a^b", b"{a}", b"\x80", b"\xc3\xa9", b"http://a", b"a\tb", b"a:", b"a`b", b"a, b",
):  # fmt: skip
    case(f"host {host!r}", b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + NEXT, 400)
case("no host", b"GET / HTTP/1.1\r\n\r\n" + NEXT, 400)
case("no host, other fields", b"GET / HTTP/1.1\r\nX: y\r\n\r\n" + NEXT, 400)
case("two hosts", get(b"Host: b") + NEXT, 400)
case("two equal hosts", get(b"Host: a") + NEXT, 400)
case("two hosts in different case", get(b"hOST: a") + NEXT, 400)
case("bad host on 1.0", b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400)
case("two hosts on 1.0", get(b"Host: a", version=b"HTTP/1.0"), 400)

# Fields: RFC 9112, section 5; RFC 9110, section 5.
for line in (
    b"X: y", b"X:y", b"X:  y  ", b"X:\ty\t", b"X:", b"X: ", b"X: a b", b"X: a\tb", b"X: \xe9", b"X: \xff\x80", b"x-1: 2",
    b"!#$%&'*+-.^_`|~: x", b"X: :", b"X: a:b", b"X: \"", b"X: a, b", b"X: ;", b"0: 1",
):  # fmt: skip
    case(f"field {line!r}", get(line), 200)
for byte in b'()<>@,;\\"/[]?={} \t\x00\x01\x1f\x7f\x80\xff':
    name = bytes([byte])
    case(f"name with {name!r} within", get(b"X" + name + b"Y: z") + NEXT, 400)
    case(f"name that begins with {name!r}", get(name + b"Y: z") + NEXT, 400)
for byte in (*range(9), 11, 12, *range(14, 32), 127):
    case(f"value with byte {byte}", get(b"X: a" + bytes([byte]) + b"b") + NEXT, 400)
for line in (b"X : y", b"X\t: y", b" X: y", b"\tX: y", b": y", b":", b"X", b"X y", b"X=y"):
    case(f"field {line!r}", get(line) + NEXT, 400)
case("blank before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n" + NEXT, 400)
case("obsolete folding", get(b"X: a", b" b") + NEXT, 400)
case("obsolete folding with a tab", get(b"X: a", b"\tb") + NEXT, 400)
case("folding of an empty value", get(b"X:", b" b") + NEXT, 400)
case("folding to hide a length", get(b"X: a", b" Content-Length: 5") + NEXT, 400)
case("a line of blanks", get(b"X: a", b" ") + NEXT, 400)
case("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n" + NEXT, 400)
case("bare LF after a field", b"GET / HTTP/1.1\r\nHost: a\n\r\n" + NEXT, 400)
case("bare LF at the end", b"GET / HTTP/1.1\r\nHost: a\r\n\n" + NEXT, 400)
case("only bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400)
case("bare CR in a value", get(b"X: a\rb") + NEXT, 400)
case("bare CR after a field", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" + NEXT, 400)
case("CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" + NEXT, 400)
case("a hundred fields", get(*[b"X%d: y" % n for n in range(99)]), 200)
case("a field too many", get(*[b"X%d: y" % n for n in range(100)]) + NEXT, 431)
case("ten thousand fields", get(*[b"X%d: y" % n for n in range(10_000)]) + NEXT, 431)
case("a field beyond the head", get(b"X: " + b"y" * 17000) + NEXT, 431)
case("an endless field", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000, 431)
case("repeated field", get(b"X: a", b"X: b"), 200)
case("repeated cookie", get(b"Cookie: a=b", b"Cookie: c=d"), 200)
for name in (b"Content-Type", b"Expect", b"Upgrade"):
    case(f"repeated {name!r}", get(name + b": 100-continue", name + b": 100-continue") + NEXT, 400)

# Connection: RFC 9112, section 9.
for value in (
    b"close",
    b"Close",
    b"CLOSE",
    b"foo, close",
    b"close, foo",
    b" close ",
    b"keep-alive, close",
    b",close",
):
    case(f"connection {value!r}", get(b"Connection: " + value) + NEXT, 200)
for value in (b"keep-alive", b"Keep-Alive", b"foo", b"", b"closed", b"x-close", b"upgrade"):
    case(f"connection {value!r}", get(b"Connection: " + value) + NEXT, 200, 200)
case("connection in two fields", get(b"Connection: keep-alive", b"Connection: close") + NEXT, 200)
case("an upgrade nobody offers", get(b"Connection: upgrade", b"Upgrade: h2c") + NEXT, 200, 200)
case(
    "an upgrade with a body",
    post(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 2", body=b"ab") + NEXT,
    200,
    200,
)

# Content-Length: RFC 9112, section 6.2 and 6.3.
for length in (b"3", b"03", b"0000003", b" 3 ", b"\t3"):
    case(f"length {length!r}", post(b"Content-Length:" + length, body=b"abc") + NEXT, 200, 200)
case("length 0", post(b"Content-Length: 0") + NEXT, 200, 200)
case("no length, no body", post() + NEXT, 200, 200)
case("body of a GET", get(b"Content-Length: 3") + b"abc" + NEXT, 200, 200)
case("body that looks like a request", post(b"Content-Length: %d" % len(NEXT), body=NEXT) + NEXT, 200, 200)
for length in (
    b"-1", b"+3", b"3.0", b"0x3", b"3 3", b"3,3", b"3, 3", b"3;", b"", b" ", b"a", b"3a", b"\xb2", b"1e1", b"3_0", b"'3'",
    b"18446744073709551616", b"99999999999999999999999", b"3\x0b", b"\x0b3",
):  # fmt: skip
    case(f"length {length!r}", post(b"Content-Length: " + length, body=b"abc") + NEXT, 400)
case("two lengths", post(b"Content-Length: 3", b"Content-Length: 4", body=b"abc") + NEXT, 400)
case("two equal lengths", post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc") + NEXT, 400)
case(
    "two lengths in different case", post(b"Content-Length: 3", b"content-length: 3", body=b"abc") + NEXT, 400
)
case("length beyond the limit", post(b"Content-Length: 1048577", body=b"abc"), 413)
case("length far beyond the limit", post(b"Content-Length: 9999999999999999999", body=b"abc"), 413)

# Transfer-Encoding: RFC 9112, section 6.1 and 7.
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
for coding in (b"chunked", b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked"):
    case(f"coding {coding!r}", post(b"Transfer-Encoding:" + coding, body=CHUNKS) + NEXT, 200, 200)
for coding, status in (
    (b"gzip, chunked", 501), (b"identity, chunked", 501), (b"chunked, chunked", 400), (b"gzip", 400), (b"identity", 400), (b"", 400),
    (b"chunked, gzip", 400), (b"chunked;a=b", 400), (b"chunked,", 400), (b",chunked", 501), (b"xchunked", 400), (b"chunkedx", 400),
    (b"chunk", 400), (b"'chunked'", 400), (b'"chunked"', 400), (b"\x0bchunked", 400), (b"chunked\x0b", 400), (b"chunked chunked", 400),
    (b"chunked\x00", 400), (b"\xe3chunked", 400), (b"chunked, identity", 400),
):  # fmt: skip
    case(f"coding {coding!r}", post(b"Transfer-Encoding: " + coding, body=CHUNKS) + NEXT, status)
case(
    "coding twice",
    post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS) + NEXT,
    400,
)
case(
    "coding hidden by a second field",
    post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=CHUNKS) + NEXT,
    400,
)
case("coding and length", post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=CHUNKS) + NEXT, 400)
case("length and coding", post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=CHUNKS) + NEXT, 400)
case(
    "length and a broken coding", post(b"Content-Length: 3", b"Transfer-Encoding: x", body=b"abc") + NEXT, 400
)
case("coding with a blank before the colon", post(b"Transfer-Encoding : chunked", body=CHUNKS) + NEXT, 400)
case("coding on 1.0", get(b"Transfer-Encoding: chunked", version=b"HTTP/1.0") + CHUNKS, 400)
case("coding with an underscore", post(b"Transfer_Encoding: chunked") + NEXT, 200, 200)
for body in (
    b"0\r\n\r\n", b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n", b"A\r\n0123456789\r\n0\r\n\r\n", b"0003\r\nabc\r\n000\r\n\r\n",
    b"3;a\r\nabc\r\n0\r\n\r\n", b"3;a=b\r\nabc\r\n0;c\r\n\r\n", b'3;a="b;\\"c"\r\nabc\r\n0\r\n\r\n', b"3 ; a = b\r\nabc\r\n0\r\n\r\n",
    b"3;a;b;c\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", b"3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\n", b"2\r\n\r\n\r\n0\r\n\r\n",
    b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
):  # fmt: skip
    case(f"chunks {body!r}", post(b"Transfer-Encoding: chunked", body=body) + NEXT, 200, 200)
for body in (
    b"\r\nabc\r\n0\r\n\r\n", b"x\r\n", b"-1\r\n", b"+3\r\nabc\r\n", b"0x3\r\nabc\r\n", b"3 \r\nabc\r\n", b" 3\r\nabc\r\n", b"3\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nab\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"3\rabc\r\n", b"3\r\nabc\r0\r\n\r\n",
    b"3;\r\nabc\r\n0\r\n\r\n", b"3;=b\r\nabc\r\n", b"3;a=\r\nabc\r\n", b'3;a="b\r\nabc\r\n', b"3;a=b c\r\nabc\r\n", b"3 a\r\nabc\r\n",
    b"3;a\x00\r\nabc\r\n", b"3;a\n\r\nabc\r\n", b"fffffffffffffffff\r\n", b"3_0\r\n", b"3.0\r\n", b"\xb3\r\n", b"3,3\r\n", b"3;" + b"a" * 300,
    b"0" * 300 + b"3\r\nabc", b"0\r\nX : y\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: a\x00\r\n\r\n", b"0\r\nX: y\n\r\n",
    b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", b"0\r\n\n", b"0\n\r\n", b"0\n\n", b"3\r\r\nabc\r\n", b"0\r\nX: a\rb\r\n\r\n",
):  # fmt: skip
    case(f"chunks {body[:40]!r}…", post(b"Transfer-Encoding: chunked", body=body) + NEXT, 400)
case(
    "chunks beyond the limit",
    post(b"Transfer-Encoding: chunked", body=b"100001\r\n" + b"a" * 0x100001 + b"\r\n0\r\n\r\n"),
    413,
)

# Expect: RFC 9110, section 10.1.1. What the client sends here does not wait for the invitation.
case(
    "expectation with the body at hand",
    post(b"Expect: 100-continue", b"Content-Length: 3", body=b"abc") + NEXT,
    200,
    200,
)
case(
    "expectation in capitals",
    post(b"Expect: 100-CONTINUE", b"Content-Length: 3", body=b"abc") + NEXT,
    200,
    200,
)
case("expectation without a body", post(b"Expect: 100-continue") + NEXT, 200, 200)
case("expectation on 1.0", b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 200)
for value in (b"", b"200-ok", b"100-continue, x", b"100-continue;a=b"):
    case(f"expectation {value!r}", post(b"Expect: " + value, b"Content-Length: 3", body=b"abc") + NEXT, 417)

# An invalid request after a valid one: the valid one is answered, nothing after the refusal is.
for bad in (
    b"GET / HTTP/1.1\r\nX : y\r\n\r\n",
    b"FOO\r\n\r\n",
    get(b"Host: b"),
    get(target=b"/#"),
    post(b"Content-Length: x"),
):
    case(f"valid, then {bad[:30]!r}…", get() + bad + NEXT, 200, 400)
case("HEAD", get(method=b"HEAD") + NEXT, 200, 200)
