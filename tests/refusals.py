"""What a command says that cannot use a device."""

from gfnet_mobile.cli.app import main


def refused_on(device, bundle, capfd):
    """The one line of a command that ends with exit code 2."""
    capfd.readouterr()
    assert main(["verify", str(bundle.folder), "--device", device]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err
