"""Where ``quantumlink`` starts: Ctrl-C has its answer while modules are loaded, too."""

from __future__ import annotations

from quantumlink.cli.loading import loading


def main() -> None:
    """Run the command that was called."""
    with loading():
        from quantumlink.cli.commands import app

        app()


if __name__ == "__main__":
    main()
