// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Tokens that do not do what they say, and contracts that are called and pay from inside. Only for tests.

abstract contract Balances {
    mapping(address holder => uint256 amount) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 amount);

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
    }
}

contract HonestToken is Balances {
    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }
}

/// Logs the whole amount and keeps a hundredth of it.
contract FeeToken is Balances {
    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        balanceOf[to] -= amount / 100;
        return true;
    }
}

/// Logs transfers that it does not make.
contract LyingToken is Balances {
    function transfer(address to, uint256 amount) external returns (bool) {
        emit Transfer(msg.sender, to, amount);
        return true;
    }
}

/// Says no instead of failing.
contract FalseToken is Balances {
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}

/// Does what another contract says, which anybody can change.
contract ChangingToken is Balances {
    address private code;

    function become(address next) external {
        code = next;
    }

    fallback() external {
        (bool done, bytes memory answer) = code.delegatecall(msg.data);
        require(done, "failed");
        assembly {
            return(add(answer, 32), mload(answer))
        }
    }
}

/// Keeps sums for those who call it, and gives half of the value back.
contract Register {
    mapping(address caller => uint256 sum) public sumOf;

    event Noted(address indexed by, string text, uint256 sum, uint256 value);

    function note(string calldata text, uint256[] calldata parts) external payable {
        uint256 sum = 0;
        for (uint256 at = 0; at < parts.length; at++) sum += parts[at];
        sumOf[msg.sender] += sum;
        emit Noted(msg.sender, text, sum, msg.value);
        (bool done, ) = msg.sender.call{value: msg.value / 2}("");
        require(done, "not taken");
    }

    /// Lets nobody do anything; only its name is dangerous.
    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function fail(uint256) external payable {
        revert("never");
    }
}

contract Splitter {
    /// Pays each the same.
    function split(address payable[] calldata to) public payable {
        for (uint256 at = 0; at < to.length; at++) {
            (bool done, ) = to[at].call{value: msg.value / to.length}("");
            require(done, "not taken");
        }
    }

    /// Pays each the same, undoes it, and keeps the money.
    function tease(address payable[] calldata to) external payable {
        try this.undone{value: msg.value}(to) {
            revert("it was to fail");
        } catch {
            return;
        }
    }

    function undone(address payable[] calldata to) external payable {
        split(to);
        revert("undone");
    }

    /// Gives all that it has to another one and ends.
    function end(address payable to) external payable {
        selfdestruct(to);
    }
}
