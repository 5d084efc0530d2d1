"""The decision is a sum over components and nothing else: additivity, zero, independence of the input."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from configs.errors import InputError
from configs.schema import ByDesignConfig, SmallCNNConfig, VGGConfig
from models.activation_decoder import CompactDecoder, GenericDecoder, LightDecoder, PaperDecoder, deepest, read_map
from models.backbones import SmallCNN, measure
from models.cost import count_parameters
from models.nmf_bottleneck import NMFBottleneck
from models.temporal_pooling import SMOOTHING, smoothed
from models.vgg import VGG

POOLINGS = ["statistics", "attention", "class_attention", "max", "mean"]
SHAPES = {"a": (4, 16, 40), "b": (8, 8, 20), "c": (16, 4, 10)}


def bottleneck(multi_label=True, **settings):
    torch.manual_seed(0)
    config = ByDesignConfig(n_components=12, **settings)
    head = NMFBottleneck(config, SHAPES, n_bins=33, n_classes=5, multi_label=multi_label).eval()
    head.set_dictionary(torch.rand(33, 12), torch.rand(12) + 0.5)
    if head.prior is not None:
        torch.nn.init.normal_(head.prior)
    return head


def random_maps(n=3):
    return {name: torch.randn(n, *shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("multi_label", [True, False])
def test_contributions_add_up_to_the_logits(pooling, multi_label):
    head = bottleneck(multi_label, pooling=pooling)
    output = head(random_maps(), 40, torch.arange(40)[None] < torch.tensor([[40], [31], [5]]))
    total = head.contributions(output.pooled).double().sum(dim=(2, 3))
    prior = head.prior.double() if head.prior is not None else 0.0
    torch.testing.assert_close(output.logits.double(), total + prior, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_activation_means_the_prior_exactly(pooling):
    head = bottleneck(pooling=pooling)
    silent = head.decide(torch.zeros(2, 12, 40), None)
    assert torch.equal(silent.logits, head.prior.expand(2, 5))
    without = bottleneck(multi_label=False, pooling=pooling).decide(torch.zeros(2, 12, 40), None)
    assert torch.equal(without.logits, torch.zeros(2, 5))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_decision_sees_the_activations_and_nothing_else(pooling):
    head = bottleneck(pooling=pooling)
    first, second = random_maps(), random_maps()
    activations = head(first, 40).activations
    head.decoder.forward = lambda maps, n_frames: activations / head.level[:, None]  # the same H whatever the input
    assert torch.equal(head(first, 40).logits, head(second, 40).logits)


def test_attention_from_maps_lets_the_input_in():
    head = bottleneck(pooling="class_attention", attention_from="maps")
    first, second = random_maps(), random_maps()
    activations = head(first, 40).activations
    head.decoder.forward = lambda maps, n_frames: activations / head.level[:, None]
    assert not torch.allclose(head(first, 40).logits, head(second, 40).logits)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_does_not_reach_the_decision(pooling):
    head = bottleneck(pooling=pooling)
    activations = torch.rand(2, 12, 30)
    padded = torch.cat([activations, 9 * torch.rand(2, 12, 10)], dim=-1)
    mask = (torch.arange(40) < 30).expand(2, 40)
    kept = padded * mask[:, None, :]
    alone, masked = head.decide(activations, None), head.decide(kept, mask)
    torch.testing.assert_close(alone.logits, masked.logits, rtol=1e-4, atol=1e-5)


def test_statistics_of_a_component_depend_on_it_alone():
    pooling = bottleneck().pooling
    activations = torch.rand(1, 12, 40)
    louder = activations.clone()
    louder[:, 3] *= 4
    change = (pooling(louder, None) - pooling(activations, None)).abs().amax(dim=1)[0]
    assert change[3] > 0.1
    assert change[torch.arange(12) != 3].max() == 0
    torch.testing.assert_close(
        pooling.statistics(4 * activations, None), 4 * pooling.statistics(activations, None), rtol=1e-3, atol=1e-3
    )


def test_hand_worked_statistics():
    pooling = bottleneck().pooling
    h = torch.zeros(1, 1, 20)
    h[..., 5] = 3.0
    found = dict(zip(pooling.names, pooling.statistics(h, None)[0, :, 0].tolist(), strict=True))
    assert found["maximum"] == 3.0
    assert found["mean"] == pytest.approx(0.15)
    assert found["spread"] == pytest.approx((9 / 20 - 0.15**2) ** 0.5, abs=1e-3)
    assert found["mean change"] == pytest.approx(6 / 19)
    assert found["largest change"] == 3.0
    assert found["smoothed maximum"] == pytest.approx(3 / 9, rel=1e-5)


@pytest.mark.parametrize("n_frames", [1, 4, 40])
def test_smoothing_is_the_mean_of_nine_frames(n_frames):
    series = torch.rand(2, 3, n_frames, dtype=torch.float64, requires_grad=True)
    pooled = torch.nn.functional.avg_pool1d(series, SMOOTHING, stride=1, padding=SMOOTHING // 2)
    torch.testing.assert_close(smoothed(series), pooled)
    slope = torch.randn_like(pooled)
    torch.testing.assert_close(*(torch.autograd.grad(made, series, slope)[0] for made in (smoothed(series), pooled)))
    torch.testing.assert_close(torch.vmap(smoothed)(series[:, None])[:, 0], pooled)
    torch.testing.assert_close(torch.func.jvp(smoothed, (series,), (slope,))[1], smoothed(slope))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_maps_are_read_by_one_linear_map_over_channels_and_frequency(layout):
    maps = torch.randn(2, 4, 16, 10).to(memory_format=layout).requires_grad_(True)
    read = torch.nn.Conv1d(64, 5, 1, bias=False)
    torch.testing.assert_close(read_map(read, maps), read(maps.flatten(1, 2)))


def test_projection_keeps_a_trained_dictionary_valid():
    head = bottleneck(train_dictionary=True)
    with torch.no_grad():
        head.dictionary.sub_(0.4)
    head.project_dictionary()
    assert head.dictionary.min() >= 0
    torch.testing.assert_close(head.dictionary.norm(dim=0), torch.ones(12))


@pytest.mark.parametrize(("kind", "share"), [(LightDecoder, 0.25), (CompactDecoder, 0.14)])
def test_small_decoders_cost_a_part_of_the_backbone(kind, share):
    net = SmallCNN(SmallCNNConfig(), 64).eval()
    decoder = kind(deepest(measure(net, 64).maps), 64).eval()
    features = torch.randn(1, 1, 64, 216)
    with FlopCounterMode(display=False) as backbone:
        maps = net(features).maps
    with FlopCounterMode(display=False) as head:
        activations = decoder(maps, 216)
    assert head.get_total_flops() <= share * backbone.get_total_flops()
    assert activations.shape == (1, 64, 216)
    assert activations.min() >= 0


@pytest.mark.parametrize("kind", [LightDecoder, CompactDecoder])
@pytest.mark.parametrize("n_frames", [17, 216, 500])
def test_small_decoders_take_any_length(kind, n_frames):
    net = SmallCNN(SmallCNNConfig(), 64).eval()
    decoder = kind(deepest(measure(net, 64).maps), 8).eval()
    assert decoder(net(torch.randn(2, 1, 64, n_frames)).maps, n_frames).shape == (2, 8, n_frames)


def test_paper_decoder_has_the_published_size():
    shapes = measure(VGG(VGGConfig(), 128), 128, n_frames=431).maps
    assert count_parameters(PaperDecoder(shapes, 100)) == 2_866_200
    assert count_parameters(PaperDecoder(shapes, 80)) == 2_822_560
    maps = {name: torch.randn(1, *shape) for name, shape in shapes.items()}
    activations = PaperDecoder(shapes, 100)(maps, 431)
    assert activations.shape == (1, 100, 431)
    assert activations.min() >= 0


@pytest.mark.parametrize("n_frames", [17, 216, 500])
@pytest.mark.parametrize(
    "shapes",
    [
        {"a": (128, 16, 53), "b": (256, 8, 26), "c": (512, 4, 13)},
        {"a": (64, 1, 500), "b": (128, 1, 125)},
        {"only": (768, 12, 101)},
    ],
)
def test_generic_decoder_has_the_papers_size_for_maps_of_any_shape(shapes, n_frames):
    decoder = GenericDecoder(shapes, 64)
    assert count_parameters(decoder) == pytest.approx(3e6, rel=0.05)
    maps = {name: torch.randn(2, c, f, max(2, t * n_frames // 431)) for name, (c, f, t) in shapes.items()}
    activations = decoder(maps, n_frames)
    assert activations.shape == (2, 64, n_frames)
    assert activations.min() >= 0


def test_paper_decoder_refuses_maps_that_do_not_halve():
    with pytest.raises(InputError, match="decoder=light"):
        PaperDecoder({"a": (4, 16, 40), "b": (8, 16, 40), "c": (8, 16, 40)}, 8)


def test_paper_decoder_refuses_a_backbone_with_fewer_than_three_maps():
    shapes = measure(SmallCNN(SmallCNNConfig(blocks=2), 64), 64).maps
    with pytest.raises(InputError, match=r"model\.decoder=paper needs three maps, the backbone gives 2\b") as caught:
        PaperDecoder(shapes, 8)
    assert "\n" not in str(caught.value)
