// The ECP5's multiplier, 18 by 18 bits, each factor signed or not, with its registers.
//
// Ref: Lattice FPGA-TN-02205, ECP5 and ECP5-5G sysDSP Usage Guide.
//
// Without the shift registers from multiplier to multiplier, the C operand and the highspeed clock.

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE", parameter REG_INPUTA_CE = "CE0",
    parameter REG_INPUTA_RST = "RST0",
    parameter REG_INPUTB_CLK = "NONE", parameter REG_INPUTB_CE = "CE0",
    parameter REG_INPUTB_RST = "RST0",
    parameter REG_INPUTC_CLK = "NONE", parameter REG_INPUTC_CE = "CE0",
    parameter REG_INPUTC_RST = "RST0",
    parameter REG_PIPELINE_CLK = "NONE", parameter REG_PIPELINE_CE = "CE0",
    parameter REG_PIPELINE_RST = "RST0",
    parameter REG_OUTPUT_CLK = "NONE", parameter REG_OUTPUT_CE = "CE0",
    parameter REG_OUTPUT_RST = "RST0",
    parameter CLK0_DIV = "ENABLED", parameter CLK1_DIV = "ENABLED",
    parameter CLK2_DIV = "ENABLED", parameter CLK3_DIV = "ENABLED",
    parameter GSR = "ENABLED",
    parameter SOURCEB_MODE = "B_SHIFT",
    parameter MULT_BYPASS = "DISABLED",
    parameter RESETMODE = "SYNC"
) (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
        P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0,
    output SIGNEDP
);
    wire [3:0] clk = {CLK3, CLK2, CLK1, CLK0};
    wire [3:0] ce = {CE3, CE2, CE1, CE0};
    wire [3:0] rst = {RST3, RST2, RST1, RST0};

    // A factor and whether it is signed share a register.
    wire [18:0] a, b;
    mult18x18d_register #(
        .WIDTH(19), .CLK(REG_INPUTA_CLK), .CE(REG_INPUTA_CE), .RST(REG_INPUTA_RST),
        .RESETMODE(RESETMODE)
    ) input_a (
        .clk(clk), .ce(ce), .rst(rst), .q(a),
        .d({SIGNEDA, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
            A0})
    );
    mult18x18d_register #(
        .WIDTH(19), .CLK(REG_INPUTB_CLK), .CE(REG_INPUTB_CE), .RST(REG_INPUTB_RST),
        .RESETMODE(RESETMODE)
    ) input_b (
        .clk(clk), .ce(ce), .rst(rst), .q(b),
        .d({SIGNEDB, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
            B0})
    );

    wire signed [18:0] factor_a = {a[18] & a[17], a[17:0]};
    wire signed [18:0] factor_b = {b[18] & b[17], b[17:0]};
    wire signed [37:0] product = factor_a * factor_b;

    wire [36:0] held, p;
    mult18x18d_register #(
        .WIDTH(37), .CLK(REG_PIPELINE_CLK), .CE(REG_PIPELINE_CE), .RST(REG_PIPELINE_RST),
        .RESETMODE(RESETMODE)
    ) pipeline (.clk(clk), .ce(ce), .rst(rst), .d({a[18] | b[18], product[35:0]}), .q(held));
    mult18x18d_register #(
        .WIDTH(37), .CLK(REG_OUTPUT_CLK), .CE(REG_OUTPUT_CE), .RST(REG_OUTPUT_RST),
        .RESETMODE(RESETMODE)
    ) out (.clk(clk), .ce(ce), .rst(rst), .d(held), .q(p));

    assign {SIGNEDP, P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21,
        P20, P19, P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1,
        P0} = p;

    initial if (MULT_BYPASS != "DISABLED") begin
        $display("MULT18X18D: MULT_BYPASS is not modelled");
        $finish;
    end
endmodule

// A register that a parameter leaves out, or gives one of four clocks, enables and resets.
module mult18x18d_register #(
    parameter integer WIDTH = 1,
    parameter CLK = "NONE",
    parameter CE = "CE0",
    parameter RST = "RST0",
    parameter RESETMODE = "SYNC"
) (
    input [3:0] clk,
    input [3:0] ce,
    input [3:0] rst,
    input [WIDTH-1:0] d,
    output [WIDTH-1:0] q
);
    generate
        if (CLK == "NONE") assign q = d;
        else begin : registered
            // The last character is the number.
            wire clock = clk[CLK[1:0]];
            wire reset = rst[RST[1:0]];
            wire clear = RESETMODE == "ASYNC" && reset;
            reg [WIDTH-1:0] kept = 0;
            always @(posedge clock or posedge clear)
                if (clear) kept <= 0;
                else if (reset) kept <= 0;
                else if (ce[CE[1:0]]) kept <= d;
            assign q = kept;
        end
    endgenerate
endmodule
