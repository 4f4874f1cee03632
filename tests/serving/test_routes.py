"""Routes about the server itself; the token; counters."""

from cnnlab.serving.app import make_app

TOKEN = "correct horse"


def test_networks_say_what_they_are(ask, exports):
    async def use(client):
        return (await client.get("/v1/networks")).json()["networks"]

    photos, small = ask(use)
    assert photos["network"] == "resnet20" and photos["image_size"] == 32 and not photos["is_digits"]
    assert small["class_names"] == list(exports[1].class_names) and small["is_digits"]


def test_probes(ask, exports):
    async def use(client):
        return [await client.get(path) for path in ("/healthz", "/readyz")]

    assert [answer.status_code for answer in ask(use)] == [200, 200]
    assert not make_app(exports).state.is_ready


def test_other_paths_and_methods_are_problems(ask):
    async def use(client):
        return await client.get("/v1/nothing"), await client.get("/v1/predict")

    nothing, method = ask(use)
    assert nothing.status_code == 404 and "/openapi.json" in nothing.json()["detail"]
    assert method.status_code == 405 and method.headers["allow"] == "POST"
    assert method.headers["content-type"] == "application/problem+json"


def test_the_token_opens_all_but_the_probes(ask):
    given = {
        None: 401,
        TOKEN: 401,
        f"Bearer {TOKEN}": 200,
        f"Bearer {TOKEN} ": 401,
        f"bearer {TOKEN}x": 401,
        "Bearer \xff": 401,
        "Bearer ": 401,
    }

    async def use(client):
        open_ones = [await client.get(path) for path in ("/healthz", "/readyz")]
        guarded = []
        for value in given:
            headers = {} if value is None else {"authorization": value.encode("latin-1")}
            guarded.append(await client.get("/v1/networks", headers=headers))
        others = [await client.get(path) for path in ("/metrics", "/openapi.json", "/nothing")]
        return open_ones, guarded, others

    open_ones, guarded, others = ask(use, token=TOKEN)
    assert all(answer.status_code == 200 for answer in open_ones)
    assert [answer.status_code for answer in guarded] == list(given.values())
    assert all(answer.status_code == 401 for answer in others)
    assert guarded[0].headers["www-authenticate"] == "Bearer"
    assert guarded[0].json()["field"] == "Authorization"


def test_metrics_count_requests_by_route(ask):
    async def use(client):
        for path in ("/healthz", "/healthz", "/made/up", "/made/up/too"):
            await client.get(path)
        return (await client.get("/metrics")).text

    lines = ask(use).splitlines()
    assert 'cnnlab_requests_total{route="/healthz",status="200"} 2.0' in lines
    assert 'cnnlab_requests_total{route="other",status="404"} 2.0' in lines
    assert 'cnnlab_pending_images{network="photos"} 0.0' in lines
