"""Checkpoint folders in the layout of the published models: config, weights, tokenizer."""

import json
import os
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trine.host.tokenizer import Tokenizer

from .network import EPS, Network

__all__ = ["export", "load"]


def export(folder, network, tokenizer):
    """Write ``network`` and ``tokenizer`` to ``folder``, which is complete at every moment.

    The files go to a folder beside it, which then takes its name.

    Raises
    ------
    OSError
        Where they cannot be written; ``folder`` is then as it was.
    """
    folder = Path(folder)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    try:
        _write(fresh, network, tokenizer)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(fresh)
        raise OSError(f"Checkpoint {folder} cannot be written ({error}); make room on the "
                      f"disk") from error
    if folder.exists():
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)


def _write(folder, network, tokenizer):
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["HGRNBitForCausalLM"],
        "model_type": "hgrn_bit",
        "attn_mode": "fused_recurrent",
        "hidden_size": network.dim,
        "num_hidden_layers": network.n_layers,
        "intermediate_size": network.hidden_dim,
        "vocab_size": network.vocab_size,
        "num_heads": 1,
        "expand_ratio": 1,
        "hidden_act": "swish",
        "rms_norm_eps": EPS,
        "use_lower_bound": True,
        "use_short_conv": False,
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.begin,
        "torch_dtype": "float32",
    }, indent=2) + "\n")
    save_file({key: value.detach().cpu().contiguous() for key, value in
               network.state_dict().items()}, folder / "model.safetensors", {"format": "pt"})
    (folder / "tokenizer.json").write_text(tokenizer.to_json())


def load(folder):
    """Return the network and the tokenizer of a checkpoint folder that :func:`export` wrote."""
    folder = Path(folder)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"Checkpoint folder {folder} has no {name}")
    config = json.loads((folder / "config.json").read_text())
    network = Network(dim=config["hidden_size"], hidden_dim=config["intermediate_size"],
                      n_layers=config["num_hidden_layers"], vocab_size=config["vocab_size"])
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return network, Tokenizer.from_json((folder / "tokenizer.json").read_text())
