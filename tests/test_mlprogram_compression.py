"""Compressed weights are made whole bit for bit as coremltools itself makes them whole."""

import numpy as np
import pytest
import torch
from torch import nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.weights import unpacked
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.optimize import coreml as optimize

    from gfnet_mobile.mlprogram import load


def quantized(**options):
    return lambda model: optimize.linear_quantize_weights(model, _config(optimize.OpLinearQuantizerConfig, options))


def palettes(**options):
    return lambda model: optimize.palettize_weights(model, _config(optimize.OpPalettizerConfig, options))


def pruned(**options):
    return lambda model: optimize.prune_weights(model, _config(optimize.OpMagnitudePrunerConfig, options))


def _config(kind, options):
    return optimize.OptimizationConfig(global_config=kind(weight_threshold=0, **options))


FORMS = {
    "symmetric int8": (16, quantized(mode="linear_symmetric")),
    "affine uint8": (16, quantized(mode="linear", dtype="uint8")),
    "palette of 2 bits": (16, palettes(mode="kmeans", nbits=2)),
    "palette of 6 bits": (16, palettes(mode="uniform", nbits=6)),
    "sparse": (16, pruned(target_sparsity=0.6)),
    "blocks of int4": (18, quantized(mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=8)),
    "affine uint4": (18, quantized(mode="linear", dtype="uint4", granularity="per_channel")),
    "palettes for groups of channels": (
        18,
        palettes(mode="kmeans", nbits=4, granularity="per_grouped_channel", group_size=8),
    ),
    "palette of 3 bits": (18, palettes(mode="kmeans", nbits=3)),
    "palettes of vectors": (18, palettes(mode="kmeans", nbits=4, cluster_dim=4)),
    "sparse, iOS 18": (18, pruned(target_sparsity=0.6)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_compressed_model_gives_what_the_decompressed_one_gives(form, precision, tmp_path):
    ios, compress = FORMS[form]
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 16, 24)).eval()
    image = torch.rand(1, 16, 6, 6)
    with quiet():
        model = ct.convert(
            torch.jit.trace(network, image),
            inputs=[ct.TensorType(name="x", shape=image.shape, dtype=np.float32)],
            outputs=[ct.TensorType(name="y", dtype=np.float32)],
            compute_precision=ct.precision.FLOAT16 if precision == "fp16" else ct.precision.FLOAT32,
            minimum_deployment_target={16: ct.target.iOS16, 18: ct.target.iOS18}[ios],
            skip_model_load=True,
        )
        small = compress(model)
        small.save(str(tmp_path / "small.mlpackage"))
        optimize.decompress_weights(small).save(str(tmp_path / "whole.mlpackage"))
    kinds = {operator.type for operator in _operations(small)}
    assert any(kind.startswith("constexpr_") for kind in kinds), "nothing was compressed"
    inputs = {"x": image.numpy()}
    compressed, whole = (
        load(tmp_path / f"{name}.mlpackage", "fp16").predict(inputs)["y"] for name in ("small", "whole")
    )
    assert (compressed == whole).all()
    with torch.no_grad():
        assert np.abs(compressed - network(image).numpy()).max() < 1


def _operations(model):
    (block,) = model.get_spec().mlProgram.functions["main"].block_specializations.values()
    return block.operations


@pytest.mark.parametrize(
    ("dtype", "bits"), [("uint1", 1), ("uint2", 2), ("uint3", 3), ("uint4", 4), ("uint6", 6), ("int4", 4)]
)
def test_packed_numbers_come_out_in_order(dtype, bits):
    low = -(1 << (bits - 1)) if dtype == "int4" else 0
    values = np.random.default_rng(0).integers(low, low + (1 << bits), 41)
    text = "".join(f"{int(value) & ((1 << bits) - 1):0{bits}b}"[::-1] for value in values)
    text += "0" * (-len(text) % 8)
    data = bytes(int(text[start : start + 8][::-1], 2) for start in range(0, len(text), 8))
    assert unpacked(data, dtype, len(values)).tolist() == values.tolist()
    assert unpacked(data[:-1], dtype, len(values)).size == 0


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(UserError, match="precision 'half': must be one of fp32, fp16, fp64"):
        load(tmp_path, "half")
