from uuid import UUID

import pytest

from gnomon_router import Match, MethodNotAllowed, RouteNotFound, Router


def router_of(*routes):
    router = Router()
    for route in routes:
        method, _, pattern = route.rpartition(" ")
        router.add(method or "GET", pattern, route)
    return router


ONE = "4d9c0b1e-5f5e-4c0a-9a55-0b5d1f3f6a10"


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/users", "/users", {}),
        ("/users/", "/users/", {}),
        ("/users/{id}", "/users/7", {"id": "7"}),
        ("/users/{id}", "/users/a%2Fb", {"id": "a%2Fb"}),
        ("/users/{id:str}", "/users/é", {"id": "é"}),
        ("/users/{id:int}", "/users/7", {"id": 7}),
        ("/users/{id:int}", "/users/-7", {"id": -7}),
        ("/users/{id:int}", "/users/0", {"id": 0}),
        ("/users/{id:int}", "/users/9223372036854775807", {"id": 2**63 - 1}),
        ("/users/{id:int}", "/users/-9223372036854775808", {"id": -(2**63)}),
        ("/users/{id:uuid}", f"/users/{ONE}", {"id": UUID(ONE)}),
        ("/users/{id:uuid}", f"/users/{ONE.upper()}", {"id": UUID(ONE)}),
        ("/at/{x:float}/{y:float}", "/at/1.5/-2e3", {"x": 1.5, "y": -2000.0}),
        ("/files/{rest:path}", "/files/a", {"rest": "a"}),
        ("/files/{rest:path}", "/files/a/b/c.txt", {"rest": "a/b/c.txt"}),
        ("/files/{rest:path}/", "/files/a/b/", {"rest": "a/b"}),
        ("/{rest:path}", "/a/b", {"rest": "a/b"}),
        ("/{a}/x/{b}", "/1/x/2", {"a": "1", "b": "2"}),
    ],
)
def test_matches(pattern, path, params):
    router = Router()
    router.add("GET", pattern, "endpoint")
    assert router.match("GET", path) == Match("endpoint", params, pattern)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/", ""),
        ("/", "*"),
        ("/", "//"),
        ("/users", "users"),
        ("/users", "/users/"),
        ("/users/", "/users"),
        ("/users", "/Users"),
        ("/users/{id}", "/users/"),
        ("/users/{id}", "/users"),
        ("/users/{id}", "/users//"),
        ("/users/{id}", "/users/7/"),
        ("/users/{id}/", "/users/7"),
        ("/users/{id}/x", "/users//x"),
        ("/users/{id}/x", "/users/7/y"),
        ("/users/{id:int}", "/users/x"),
        ("/users/{id:int}", "/users/007"),
        ("/users/{id:int}", "/users/-0"),
        ("/users/{id:int}", "/users/+7"),
        ("/users/{id:int}", "/users/1_0"),
        ("/users/{id:int}", "/users/ 7"),
        ("/users/{id:int}", "/users/٣"),
        ("/users/{id:int}", "/users/9223372036854775808"),
        ("/users/{id:int}", "/users/-9223372036854775809"),
        ("/users/{id:int}", "/users/" + "9" * 100_000),
        ("/users/{id:uuid}", f"/users/{{{ONE}}}"),
        ("/users/{id:uuid}", f"/users/{ONE.replace('-', '')}"),
        ("/users/{id:float}", "/users/nan"),
        ("/users/{id:float}", "/users/-inf"),
        ("/users/{id:float}", "/users/1e999"),
        ("/users/{id:float}", "/users/.5"),
        ("/users/{id:float}", "/users/0." + "0" * 70),
        ("/files/{rest:path}", "/files"),
        ("/files/{rest:path}", "/files/"),
        ("/files/{rest:path}", "/files//etc/passwd"),
        ("/files/{rest:path}", "/files/a//b"),
        ("/files/{rest:path}", "/files/a/"),
        ("/files/{rest:path}/", "/files/a"),
        ("/files/{rest:path}/", "/files//"),
    ],
)
def test_does_not_match(pattern, path):
    router = Router()
    router.add("GET", pattern, "endpoint")
    with pytest.raises(RouteNotFound) as caught:
        router.match("GET", path)
    assert caught.value.path == path
    assert router.allowed(path) == ()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/users/me", "/users/me"),
        ("/users/7", "/users/{id:int}"),
        (f"/users/{ONE}", "/users/{id:uuid}"),
        ("/users/1.5", "/users/{id:float}"),
        ("/users/x", "/users/{id}"),
        ("/users/x/y", "/users/{rest:path}"),
        ("/users/7/posts", "/users/{id:int}/posts"),
        # the int node has no /likes behind it: back to the text node, then to the path
        ("/users/7/likes", "/users/{id}/likes"),
        ("/users/7/other", "/users/{rest:path}"),
        ("/users/me/likes", "/users/{id}/likes"),
        # a segment further left decides, however specific what follows
        ("/users/8/z", "/users/{id:int}/{tail:path}"),
    ],
)
def test_the_most_specific_answers(path, pattern, turned):
    if path == "/users/7/other":
        patterns = ["/users/{id:int}/posts", "/users/{rest:path}"]
    else:
        patterns = [
            "/users/me",
            "/users/{id:int}",
            "/users/{id:uuid}",
            "/users/{id:float}",
            "/users/{id}",
            "/users/{rest:path}",
            "/users/{id:int}/posts",
            "/users/{id}/likes",
        ]
        if path == "/users/8/z":
            patterns += ["/users/{id:int}/{tail:path}", "/users/{id}/z"]
    router = router_of(*(reversed(patterns) if turned else patterns))
    assert router.match("GET", path).pattern == pattern


def test_values_of_abandoned_branches_are_forgotten():
    router = router_of("/{a:int}/{b:int}/x", "/{c}/{d}/y")
    assert router.match("GET", "/1/2/y").params == {"c": "1", "d": "2"}


def test_a_literal_is_followed_to_its_end_where_a_parameter_stands_beside_it():
    router = Router[str]()
    router.add("GET", "/users/me/{page}/{size}", "mine")
    router.add("GET", "/users/{id}/{page}/{size}", "theirs")
    assert router.match("GET", "/users/me/1/20").endpoint == "mine"
    assert router.match("GET", "/users/7/1/20").endpoint == "theirs"


def test_the_method_takes_part_in_the_choice():
    router = router_of("GET /users/me", "DELETE /users/{id}")
    assert router.match("DELETE", "/users/me") == ("DELETE /users/{id}", {"id": "me"}, "/users/{id}")


def test_head_is_served_by_get_unless_it_has_its_own():
    router = router_of("GET /a", "GET /b", "HEAD /b", "GET /c/{id}")
    assert router.match("HEAD", "/a").endpoint == "GET /a"
    assert router.match("HEAD", "/b").endpoint == "HEAD /b"
    assert router.match("HEAD", "/c/1").endpoint == "GET /c/{id}"
    assert router_of("HEAD /b", "GET /b").match("HEAD", "/b").endpoint == "HEAD /b"
    with pytest.raises(MethodNotAllowed):
        router_of("HEAD /b").match("GET", "/b")


def test_a_specific_get_serves_head_before_a_general_head():
    router = router_of("HEAD /users/{id}", "GET /users/me")
    assert router.match("HEAD", "/users/me").endpoint == "GET /users/me"


def test_wrong_method_names_the_right_ones():
    router = router_of("GET /users/me", "DELETE /users/{id}", "PUT /users/{id:int}", "PURGE /{rest:path}")
    with pytest.raises(MethodNotAllowed) as caught:
        router.match("POST", "/users/me")
    assert caught.value.allowed == ("DELETE", "GET", "HEAD", "PURGE") == router.allowed("/users/me")
    assert (caught.value.method, caught.value.path) == ("POST", "/users/me")
    assert str(caught.value) == "'/users/me' does not answer 'POST', only DELETE, GET, HEAD, PURGE"
    assert router.allowed("/users/7") == ("DELETE", "PURGE", "PUT")


def test_options_is_left_to_the_caller():
    router = router_of("GET /a", "OPTIONS /b")
    with pytest.raises(MethodNotAllowed) as caught:
        router.match("OPTIONS", "/a")
    assert caught.value.allowed == ("GET", "HEAD")
    assert router.match("OPTIONS", "/b").endpoint == "OPTIONS /b"


def test_long_paths_are_shown_short():
    with pytest.raises(RouteNotFound, match=r"a'… \(5001 characters\)"):
        Router().match("GET", "/" + "a" * 5000)


def test_the_parameters_of_a_fixed_path_cannot_be_changed():
    router = router_of("/a")
    with pytest.raises(TypeError):
        router.match("GET", "/a").params["id"] = 1


def test_matching_is_linear_where_every_level_has_two_ways():
    """Paths are hostile: a tree with a literal and a parameter at every level must not explode."""
    router = Router()
    for number in range(256):
        router.add(
            "GET",
            "/" + "/".join("a" if number >> bit & 1 else f"{{p{bit}}}" for bit in range(8)) + "/end",
            number,
        )
    with pytest.raises(RouteNotFound):
        router.match("GET", "/a" * 8 + "/other")
    assert router.match("GET", "/a" * 8 + "/end").endpoint == 255
