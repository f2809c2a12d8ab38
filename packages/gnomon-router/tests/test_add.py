import pytest

from gnomon_router import MethodError, Parameter, PatternError, Route, RouteConflict, Router


def endpoint_a():
    """An endpoint."""


@pytest.mark.parametrize(
    ("pattern", "position", "problem"),
    [
        ("", 0, "starts with a slash; write '/'"),
        ("users", 0, "starts with a slash; write '/users'"),
        ("/a//b", 3, "one slash instead of two"),
        ("//", 1, "one slash instead of two"),
        ("/a/../b", 3, "clients resolve '..'"),
        ("/a/.", 3, "clients resolve '.'"),
        ("/a?x=1", 2, "'?' cannot stand in a path"),
        ("/a/b c", 4, "' ' cannot stand in a path"),
        ("/a/\n", 3, "cannot stand in a path"),
        ("/{id}.json", 1, "fills a whole segment"),
        ("/v{id}", 1, "fills a whole segment"),
        ("/{a}{b}", 1, "fills a whole segment"),
        ("/{a", 1, "fills a whole segment"),
        ("/a}", 1, "fills a whole segment"),
        ("/{{a}}", 1, "fills a whole segment"),
        ("/{}", 2, "'' is not a name"),
        ("/{1a}", 2, "'1a' is not a name"),
        ("/{é}", 2, "is not a name"),
        ("/{a b}", 2, "is not a name"),
        ("/{id:integer}", 5, "unknown type 'integer'; use one of int, uuid, float, str, path"),
        ("/{id:}", 5, "unknown type ''"),
        ("/{id}/x/{id:int}", 8, "'id' stands here again"),
        ("/{rest:path}/x", 1, "move it to the end"),
        ("/{rest:path}/{x}", 1, "move it to the end"),
        ("/" + "a" * 3000, 2048, "at most 2048 characters"),
        ("/a" * 129, 2048, "at most 128 segments"),
        (None, 0, "a pattern is a str, not of type NoneType"),
        (b"/a", 0, "a pattern is a str, not of type bytes"),
    ],
)
def test_bad_patterns_are_refused(pattern, position, problem):
    router = Router()
    with pytest.raises(PatternError) as caught:
        router.add("GET", pattern, "endpoint")
    assert caught.value.pattern == pattern
    assert caught.value.position == position
    assert problem in str(caught.value)
    assert f"position {position}: " in str(caught.value)
    assert router.routes() == ()


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("", "not a method"),
        ("GE T", "not a method"),
        ("GÉT", "not a method"),
        ("get", "write 'GET'"),
        ("Post", "write 'POST'"),
        (None, "None is not a method"),
        (["GET", "POST"], "not a method; it is a word"),
    ],
)
def test_bad_methods_are_refused(method, problem):
    with pytest.raises(MethodError, match=problem):
        Router().add(method, "/", "endpoint")


def test_methods_outside_the_standard_are_taken_as_they_are():
    router = Router()
    router.add("purge", "/", 1)
    router.add("PURGE", "/", 2)
    assert router.match("purge", "/").endpoint == 1


def test_a_conflict_names_both():
    router = Router()
    router.add("GET", "/users/{id:int}", endpoint_a)
    with pytest.raises(RouteConflict) as caught:
        router.add("GET", "/users/{uid:int}", 7)
    error = caught.value
    assert (error.method, error.existing, error.added) == ("GET", "/users/{id:int}", "/users/{uid:int}")
    assert str(error) == (
        f"GET /users/{{uid:int}} (of type int) matches exactly the same paths as GET /users/{{id:int}} "
        f"({__name__}.endpoint_a): names of parameters do not tell routes apart; remove one of them, "
        "or change its method, its path or the type of a parameter"
    )
    assert router.match("GET", "/users/7").params == {"id": 7}
    assert len(router.routes()) == 1


@pytest.mark.parametrize("pattern", ["/", "/a", "/{a}", "/{a:str}/{b:path}", "/{b:path}/"])
def test_the_same_pattern_twice_is_a_conflict(pattern):
    router = Router()
    router.add("GET", pattern, 1)
    with pytest.raises(RouteConflict):
        router.add("GET", pattern, 2)
    router.add("POST", pattern, 3)


def test_each_method_keeps_its_own_names():
    router = Router()
    router.add("GET", "/users/{id:int}", 1)
    router.add("PUT", "/users/{number:int}", 2)
    assert router.match("GET", "/users/7").params == {"id": 7}
    assert router.match("PUT", "/users/7").params == {"number": 7}


def test_routes_are_listed_by_precedence():
    patterns = ["/", "/a", "/a/{id:int}", "/a/{id:uuid}", "/a/{id}", "/a/{rest:path}", "/{x:float}", "/{x}"]
    expected = [(pattern, method) for pattern in patterns for method in ("GET", "PUT")]
    for turned in (False, True):
        router = Router()
        for pattern in reversed(patterns) if turned else patterns:
            for method in ("PUT", "GET"):
                router.add(method, pattern, pattern)
        assert [(route.pattern, route.method) for route in router.routes()] == expected
    assert router.routes()[4] == Route("GET", "/a/{id:int}", "/a/{id:int}", (Parameter("id", "int"),))


def test_a_conflict_shows_what_endpoints_say_of_themselves():
    class Spoken:
        def __str__(self):
            return "the spoken one"

    router = Router[object]()
    router.add("GET", "/a", Spoken())
    with pytest.raises(RouteConflict, match="of type object.*the spoken one"):
        router.add("GET", "/a", object())
