"""MONAI's own network with the numbers of a profile; this package has no part in it."""

from monai.networks.nets.swin_unetr import SwinTransformer


def monai_network(profile, **settings):
    """MONAI's `SwinTransformer` of the published recipe, in evaluation mode."""
    return SwinTransformer(
        in_chans=3,
        embed_dim=profile.embed_dim,
        window_size=[profile.window_size] * 2,
        patch_size=[profile.patch_size] * 2,
        depths=profile.depths,
        num_heads=profile.num_heads,
        mlp_ratio=profile.mlp_ratio,
        qkv_bias=True,
        spatial_dims=2,
        use_v2=True,
        **settings,
    ).eval()


def relative_differences(maps, reference):
    """L2 norm of the difference of each map over that of the reference."""
    pairs = zip(maps, reference, strict=True)
    return [float((one.double() - other.double()).norm() / other.double().norm()) for one, other in pairs]
