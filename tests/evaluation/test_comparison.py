import json
from dataclasses import replace

import pytest
import torch
from scipy import stats

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.evaluation import Comparison, Evaluation, compare_runs, save_predictions
from cnnlab.runs import RunFolder
from some_scores import some_scores

NUM_IMAGES = 1_000


@pytest.fixture
def make_evaluated(tmp_path):
    """Return a function that makes a run with this many right answers, without a network."""

    def make(network, seed, num_correct, *, fingerprint="f", data="some", first_wrong=0):
        config = RunConfig.from_dict({"model": {"name": network}, "seed": seed}, source="test")
        folder = RunFolder.create(tmp_path, config)
        labels = torch.zeros(NUM_IMAGES, dtype=torch.int64)
        probs = torch.tensor([[0.9, 0.1]]).repeat(NUM_IMAGES, 1)
        wrong = [(first_wrong + n) % NUM_IMAGES for n in range(NUM_IMAGES - num_correct)]
        probs[wrong] = torch.tensor([0.2, 0.8])
        scores = some_scores(num_correct / NUM_IMAGES, ("a", "b"))
        evaluation = Evaluation(data, "test", fingerprint, ("a", "b"), labels, probs, scores, 0.1)
        save_predictions(folder, evaluation)
        folder.evaluation = evaluation.as_dict()
        folder.cost = {
            "seconds_per_epoch": 2.0 + seed,
            "train_seconds": 20.0 + seed,
            "parameters": 61_706,
            "peak_memory_bytes": 1_000_000 * (1 + seed),
        }
        execution = {"device": "cpu", "hardware": "A processor", "threads": 2, "precision": "float32"}
        folder.environment = {"execution": execution, "commit": "abc"}
        return folder

    return make


def groups_of(make, first, second):
    return {
        "one": [make("lenet5", seed, number) for seed, number in enumerate(first)],
        "two": [make("resnet20", seed, number) for seed, number in enumerate(second)],
    }


def test_three_seeds_are_compared_by_t(make_evaluated):
    a, b = [950, 953, 951], [970, 976, 969]
    comparison = compare_runs(groups_of(make_evaluated, a, b), command="cnnlab compare one two")
    one, two = comparison.networks
    assert (one.mean_top1, two.mean_top1) == pytest.approx((sum(a) / 3000, sum(b) / 3000))
    assert two.top1 == (0.970, 0.976, 0.969)
    low, high = stats.t.interval(0.95, 2, loc=sum(b) / 3000, scale=stats.sem([x / 1000 for x in b]))
    assert two.interval == pytest.approx((low, high))
    assert two.interval_method == "t over seeds"
    assert one.test is None and two.test is not None
    assert two.test.p_value == pytest.approx(stats.ttest_rel(b, a).pvalue, rel=1e-6)
    differences = [y - x for x, y in zip(a, b, strict=True)]
    assert two.test.effect_size == pytest.approx(stats.tmean(differences) / stats.tstd(differences))
    assert two.test.method == "paired t over seeds"
    assert two.test.verdict == "better"
    assert two.test.difference == pytest.approx((sum(b) - sum(a)) / 3000)
    assert (comparison.seeds, comparison.num_images, comparison.data) == ((0, 1, 2), NUM_IMAGES, "some")
    assert comparison.hardware == ("A processor, 2 threads, float32",)
    assert comparison.commits == ("abc",)


def test_an_ensemble_is_right_where_the_mean_of_all_seeds_is(make_evaluated):
    # 100 wrong answers each; two of three seeds share 40 of them, at 0.8 against 0.9 twice or once.
    runs = [
        make_evaluated("lenet5", seed, NUM_IMAGES - 100, first_wrong=start)
        for seed, start in enumerate((0, 60, 500))
    ]
    one = compare_runs({"one": runs}).networks[0].ensemble
    assert one is not None and one.num_runs == 3
    assert one.top1 == 1 - 40 / NUM_IMAGES  # (0.2 + 0.2 + 0.9) / 3 < 1/2, and (0.2 + 0.9 + 0.9) / 3 > 1/2
    expected = stats.binomtest(NUM_IMAGES - 40, NUM_IMAGES).proportion_ci(method="wilson")
    assert one.interval == pytest.approx((expected.low, expected.high))
    assert compare_runs({"one": runs[:1]}).networks[0].ensemble is None
    runs[0].predictions.unlink()
    assert compare_runs({"one": runs}, must_test=False).networks[0].ensemble is None


def test_the_cost_is_a_mean_and_a_peak(make_evaluated):
    _, two = compare_runs(groups_of(make_evaluated, [950] * 3, [970] * 3)).networks
    assert (two.seconds_per_epoch, two.train_seconds) == (3.0, 21.0)
    assert (two.num_parameters, two.peak_memory_bytes) == (61_706, 3_000_000)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ([970, 976, 969], [950, 953, 951], "worse"),
        ([950, 960, 970], [955, 958, 975], "cannot be told apart"),
        ([950, 951, 952], [951, 952, 953], "cannot be told apart"),  # one image more each time is no proof
        ([950, 951, 952], [950, 951, 952], "cannot be told apart"),
    ],
)
def test_words_follow_the_test(make_evaluated, first, second, verdict):
    _, two = compare_runs(groups_of(make_evaluated, first, second)).networks
    assert two.test is not None and two.test.verdict == verdict


def test_p_values_are_holms_for_all_pairs(make_evaluated):
    base, near, third = [950, 953, 951], [953, 957, 953], [951, 951, 953]
    groups = groups_of(make_evaluated, base, near)
    alone = compare_runs(groups)
    test = alone.networks[1].test
    assert test is not None and 0.025 < test.p_value < 0.05 and alone.num_tests == 1
    assert (test.p_holm, test.verdict) == (test.p_value, "better")
    groups["three"] = [make_evaluated("alexnet_mnist3", seed, n) for seed, n in enumerate(third)]
    comparison = compare_runs(groups)
    _, two, three = comparison.networks
    assert two.test is not None and three.test is not None and comparison.num_tests == 3
    by_hand = sorted(
        (stats.ttest_rel(one, other).pvalue, name)
        for name, one, other in (("12", base, near), ("13", base, third), ("23", near, third))
    )
    adjusted, largest = {}, 0.0
    for rank, (p_value, name) in enumerate(by_hand):
        largest = max(largest, (3 - rank) * p_value)
        adjusted[name] = min(1.0, largest)
    assert two.test.p_value == pytest.approx(stats.ttest_rel(base, near).pvalue, rel=1e-6)
    assert two.test.p_holm == pytest.approx(adjusted["12"], rel=1e-6) and adjusted["12"] > 0.05
    assert two.test.verdict == "cannot be told apart"
    assert three.test.p_holm == pytest.approx(adjusted["13"], rel=1e-6)


def test_single_runs_are_corrected_for_the_tests_that_were_made(make_evaluated):
    names = ("lenet5", "resnet20", "alexnet_mnist3")
    groups = {
        name: [make_evaluated(name, 0, number)] for name, number in zip(names, (990, 997, 996), strict=True)
    }
    comparison = compare_runs(groups)
    _, two, three = comparison.networks
    assert two.test is not None and three.test is not None and comparison.num_tests == 2
    assert (two.test.p_value, two.test.p_holm) == (2 / 2**7, 2 * 2 / 2**7)
    assert comparison.rivals is None
    groups["alexnet_mnist3"][0].predictions.unlink()
    assert compare_runs(groups, must_test=False).num_tests == 1


def test_what_is_said_of_the_best_never_contradicts_the_pairs(make_evaluated):
    # Random scores; the pair of best and first had other p values where each was of a family of its own.
    generator = torch.Generator().manual_seed(0)
    names = ("lenet5", "resnet20", "alexnet_mnist3", "alexnet_mnist5")
    runs = {name: [make_evaluated(name, seed, 990) for seed in range(3)] for name in names}
    told = 0
    for _ in range(30):
        for at, name in enumerate(names):
            for run in runs[name]:
                right = 900 + 12 * at + int(torch.randint(0, 9, (1,), generator=generator))
                (run.path / "predictions.safetensors").unlink(missing_ok=True)
                run.evaluation = {**(run.evaluation or {}), "top1": right / NUM_IMAGES}
        comparison = compare_runs(runs)
        best, first = comparison.best, comparison.networks[0]
        assert best.test is not None and comparison.rivals is not None
        told += best.test.verdict == "better"
        assert (first.name in comparison.rivals) == (best.test.verdict == "cannot be told apart")
    assert 0 < told < 30


def test_the_best_is_told_apart_or_not(make_evaluated):
    groups = groups_of(make_evaluated, [950, 953, 951], [981, 983, 980])
    assert compare_runs(groups).rivals is None  # of two there is one pair, which is tested anyway
    groups["three"] = [make_evaluated("alexnet_mnist3", seed, n) for seed, n in enumerate([981, 981, 982])]
    comparison = compare_runs(groups)
    assert (comparison.best.name, comparison.rivals) == ("two", ("three",))
    groups["three"] = [make_evaluated("alexnet_mnist5", seed, n) for seed, n in enumerate([940, 941, 940])]
    assert compare_runs(groups).rivals == ()
    few = {name: runs[:2] for name, runs in groups.items()}
    assert compare_runs(few).rivals is None  # two seeds say nothing of a network


def test_one_seed_is_compared_over_images(make_evaluated):
    groups = {"one": [make_evaluated("lenet5", 0, 990)], "two": [make_evaluated("resnet20", 0, 998)]}
    one, two = compare_runs(groups).networks
    expected = stats.binomtest(998, NUM_IMAGES).proportion_ci(method="wilson")
    assert two.interval == pytest.approx((expected.low, expected.high))
    assert two.interval_method == one.interval_method == "Wilson over images"
    assert two.test is not None
    assert two.test.method == "McNemar over images, seed 0"
    # The two wrong answers of the second are among the ten of the first: 8 images to 0.
    assert two.test.p_value == 2 / 2**8
    assert two.test.verdict == "higher in this run" and two.test.effect_size is None


def test_few_seeds_never_make_a_network_better(make_evaluated):
    for num_seeds in (1, 2):
        groups = groups_of(make_evaluated, [500] * num_seeds, [990] * num_seeds)
        _, two = compare_runs(groups).networks
        assert two.test is not None and two.test.p_value < 1e-6
        assert two.test.verdict == "higher in this run"


def test_two_seeds_are_judged_by_the_pair_that_is_tested(make_evaluated):
    # Of seed 0 the second is higher; of the mean it is lower, which no test looked at.
    _, two = compare_runs(groups_of(make_evaluated, [950, 990], [970, 900])).networks
    assert two.test is not None
    assert two.test.difference == pytest.approx(0.02)
    assert (two.test.method, two.test.verdict) == ("McNemar over images, seed 0", "higher in this run")
    assert two.test.p_value == 2 / 2**20


def test_the_seed_that_is_tested_is_named(make_evaluated):
    groups = {"one": [make_evaluated("lenet5", 7, 990)], "two": [make_evaluated("resnet20", 7, 998)]}
    _, two = compare_runs(groups).networks
    assert two.test is not None and two.test.method == "McNemar over images, seed 7"


def test_the_first_seed_with_both_answers_is_tested(make_evaluated):
    groups = groups_of(make_evaluated, [950, 990], [970, 900])
    groups["two"][0].predictions.unlink()
    _, two = compare_runs(groups).networks
    assert two.test is not None
    assert (two.test.method, two.test.verdict) == ("McNemar over images, seed 1", "lower in this run")
    assert two.test.difference == pytest.approx(-0.09)


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_without_answers_few_seeds_are_not_tested(make_evaluated, num_seeds):
    groups = groups_of(make_evaluated, [950] * num_seeds, [970] * num_seeds)
    for folder in groups["one"]:
        folder.predictions.unlink()
    with pytest.raises(
        RunError, match=r"lenet5.*is not there\. Remove eval\.json beside it, then run: cnnlab"
    ):
        compare_runs(groups)
    comparison = compare_runs(groups, must_test=False)
    assert comparison.networks[1].test is None and comparison.networks[1].mean_top1 == 0.97
    assert Comparison.from_dict(comparison.as_dict(), source="x") == comparison


def test_three_seeds_need_no_answers(make_evaluated):
    groups = groups_of(make_evaluated, [950, 953, 951], [970, 976, 969])
    for folder in groups["one"]:
        folder.predictions.unlink()
    _, two = compare_runs(groups).networks
    assert two.test is not None and two.test.method == "paired t over seeds"


def test_damaged_answers_are_refused(make_evaluated):
    groups = groups_of(make_evaluated, [950], [970])
    groups["two"][0].predictions.write_bytes(b"no answers")
    with pytest.raises(RunError, match=r"resnet20.*is damaged"):
        compare_runs(groups, must_test=False)


def test_seeds_that_agree_are_not_certain(make_evaluated):
    one, _ = compare_runs(groups_of(make_evaluated, [950] * 3, [970] * 3)).networks
    assert one.interval == pytest.approx((0.95 - 0.000717, 0.95 + 0.000717), abs=1e-6)


@pytest.mark.parametrize("split", ["train", "val"])
def test_other_training_images_are_refused(make_evaluated, split):
    groups = groups_of(make_evaluated, [950], [970])
    for name, (folder,) in groups.items():
        data = {part: {"fingerprint": "f", "num_images": 9} for part in ("train", "val")}
        data[split]["fingerprint"] = name
        folder.environment = folder.environment | {"data": data}
    with pytest.raises(RunError, match=rf"resnet20.*its {split} images are not those of .*lenet5") as error:
        compare_runs(groups)
    assert "\n" not in str(error.value)


def test_which_images_are_wrong_matters(make_evaluated):
    one = make_evaluated("lenet5", 0, 990)
    same = make_evaluated("resnet20", 0, 990)
    others = make_evaluated("resnet32", 0, 980, first_wrong=500)
    _, second, third = compare_runs({"one": [one], "two": [same], "three": [others]}).networks
    assert second.test is not None and second.test.p_value == 1.0
    assert third.test is not None
    assert third.test.p_value == pytest.approx(stats.binomtest(10, 30, 0.5).pvalue)


def test_an_interval_ends_at_one(make_evaluated):
    one, _ = compare_runs(groups_of(make_evaluated, [1000, 1000, 990], [1000] * 3)).networks
    assert one.interval[1] == 1.0 and one.interval[0] < one.mean_top1


def test_other_test_images_are_refused(make_evaluated):
    groups = {
        "one": [make_evaluated("lenet5", 0, 990)],
        "two": [make_evaluated("resnet20", 0, 990, fingerprint="g", data="other")],
    }
    with pytest.raises(
        RunError, match=r"resnet20.*1,000 images of other.*lenet5.*cannot be compared"
    ) as error:
        compare_runs(groups)
    assert "\n" not in str(error.value)


def test_other_views_of_the_test_images_are_refused(make_evaluated):
    groups = groups_of(make_evaluated, [950], [970])
    two = groups["two"][0]
    two.evaluation = (two.evaluation or {}) | {"tta": "centre", "average": "logits"}  # one view is one view
    assert compare_runs(groups).views == "one view"
    two.evaluation = (two.evaluation or {}) | {"tta": "mirror"}
    with pytest.raises(RunError) as error:
        compare_runs(groups)
    line = str(error.value)
    assert line.startswith(f"{two.path}: tested with mirror, logits averaged, not as ") and "\n" not in line
    assert "with one view" in line and "evaluation.tta" in line
    one = groups["one"][0]
    one.evaluation = (one.evaluation or {}) | {"tta": "mirror", "average": "logits"}
    comparison = compare_runs(groups)
    assert comparison.views == "mirror, logits averaged"
    assert Comparison.from_dict(comparison.as_dict(), source="x") == comparison


def test_comparisons_of_before_there_were_views_are_by_one(make_evaluated):
    comparison = compare_runs(groups_of(make_evaluated, [950], [970]))
    old = {name: value for name, value in comparison.as_dict().items() if name != "views"}
    assert Comparison.from_dict(old, source="x") == comparison


def test_a_run_without_test_metrics_is_told_how_to_get_them(make_evaluated):
    groups = groups_of(make_evaluated, [950], [970])
    (groups["two"][0].path / "eval.json").unlink()
    with pytest.raises(RunError, match=r"no test metrics.*cnnlab evaluate .*resnet20"):
        compare_runs(groups)


def test_a_run_without_cost_is_named(make_evaluated):
    groups = groups_of(make_evaluated, [950], [970])
    groups["two"][0].cost = {"train_seconds": 1.0}
    with pytest.raises(RunError, match=r"resnet20.*cost\.json lacks 'seconds_per_epoch'"):
        compare_runs(groups)


def test_different_machines_and_commits_are_listed(make_evaluated):
    groups = groups_of(make_evaluated, [950], [970])
    folder = groups["two"][0]
    for emulated in (False, True):
        execution = folder.environment["execution"] | {
            "threads": 1,
            "precision": "bf16",
            "emulated": emulated,
        }
        folder.environment = {"execution": execution, "commit": "def+"}
        comparison = compare_runs(groups)
        other = f"A processor, 1 thread, bf16{' emulated' if emulated else ''}"
        assert comparison.hardware == (other, "A processor, 2 threads, float32")
    assert comparison.commits == ("abc", "def+")


def test_a_comparison_comes_back_from_json(make_evaluated):
    comparison = compare_runs(groups_of(make_evaluated, [950, 953, 951], [970, 976, 969]), command="c")
    text = json.dumps(comparison.as_dict(), allow_nan=False)
    assert Comparison.from_dict(json.loads(text), source="file") == comparison
    assert replace(comparison, data="else") != comparison


@pytest.mark.parametrize("change", [{"networks": 3}, {"seeds": ["a"]}])
def test_other_json_is_refused(make_evaluated, change):
    values = compare_runs(groups_of(make_evaluated, [950], [970])).as_dict()
    with pytest.raises(RunError, match=r"comparison\.json: not a comparison: (networks|seeds)"):
        Comparison.from_dict(values | change, source="comparison.json")
    with pytest.raises(RunError, match="not a comparison"):
        Comparison.from_dict({}, source="comparison.json")
