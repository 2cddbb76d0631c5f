"""Networks: backbones, upsampling modules, heads."""
