// The ECP5's look-up table, carry chain, flip-flop and small memory, written for a fast simulation.
//
// Ref: yosys, techlibs/lattice, whose models these are held to in a test. One clock edge, the
// rising one, and no asynchronous reset: what synthesis makes of a design in one domain.

module LUT4 #(parameter [15:0] INIT = 0) (input A, B, C, D, output Z);
    assign Z = INIT[{D, C, B, A}];
endmodule

module PFUMX (input ALUT, BLUT, C0, output Z);
    assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21 (input D0, D1, SD, output Z);
    assign Z = SD ? D1 : D0;
endmodule

module CCU2C #(
    parameter [15:0] INIT0 = 0,
    parameter [15:0] INIT1 = 0,
    parameter INJECT1_0 = "YES",
    parameter INJECT1_1 = "YES"
) (
    input CIN, A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
    // Each half passes the carry on where its table says 1, else makes it from A and B alone.
    wire pass0 = INIT0[{D0, C0, B0, A0}];
    wire pass1 = INIT1[{D1, C1, B1, A1}];
    wire carry = pass0 ? CIN : INJECT1_0 != "YES" && INIT0[{2'b00, B0, A0}];
    assign S0 = pass0 ^ (INJECT1_0 != "YES" && CIN);
    assign S1 = pass1 ^ (INJECT1_1 != "YES" && carry);
    assign COUT = pass1 ? carry : INJECT1_1 != "YES" && INIT1[{2'b00, B1, A1}];
endmodule

module TRELLIS_FF #(
    parameter GSR = "ENABLED",
    parameter [127:0] CEMUX = "1",
    parameter CLKMUX = "CLK",
    parameter LSRMUX = "LSR",
    parameter SRMODE = "LSR_OVER_CE",
    parameter REGSET = "RESET",
    parameter [127:0] LSRMODE = "LSR"
) (input CLK, LSR, CE, DI, M, output reg Q);
    localparam VALUE = REGSET == "SET";
    initial Q = VALUE;

    wire ce = CEMUX == "1" || (CEMUX == "INV" ? !CE : CEMUX != "0" && CE);
    wire lsr = LSRMUX == "INV" ? !LSR : LSR;
    always @(posedge CLK)
        if (lsr) Q <= VALUE;
        else if (ce) Q <= DI;

    initial if (CLKMUX != "CLK" || SRMODE == "ASYNC" && LSRMUX != "LSR" || LSRMODE == "PRLD") begin
        $display("TRELLIS_FF: a configuration that is not modelled");
        $finish;
    end
endmodule

module TRELLIS_DPR16X4 #(
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE",
    parameter [63:0] INITVAL = 0
) (
    input [3:0] DI, WAD, RAD,
    input WRE, WCK,
    output [3:0] DO
);
    reg [3:0] mem [0:15];
    integer n;
    initial for (n = 0; n < 16; n = n + 1) mem[n] = INITVAL[4 * n +: 4];

    wire wre = WREMUX == "INV" ? !WRE : WRE;
    always @(posedge WCK) if (wre) mem[WAD] <= DI;
    assign DO = mem[RAD];

    initial if (WCKMUX != "WCK" || WREMUX != "WRE" && WREMUX != "INV") begin
        $display("TRELLIS_DPR16X4: a configuration that is not modelled");
        $finish;
    end
endmodule
